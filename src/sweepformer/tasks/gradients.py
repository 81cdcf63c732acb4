"""Gradients between the backward pass and the optimizer: set aside and put together, clipped, kept from doing harm."""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import clip_grad_value_, clip_grads_with_norm_, get_total_norm
from torch.optim import Adam, Optimizer

from sweepformer.models.torch_internals import divides_by_scale


class StepSkipped(Exception):
    """Ends an optimizer's step before the optimizer has changed anything."""


def take(parameters: Iterable[nn.Parameter]) -> list[Tensor | None]:
    """The gradients of parameters, which have none then."""
    parameters = list(parameters)
    taken = [parameter.grad for parameter in parameters]
    for parameter in parameters:
        parameter.grad = None
    return taken


def add(parameters: Iterable[nn.Parameter], gradients: Sequence[Tensor | None]) -> None:
    """Add gradients, which `take` has returned, to those that parameters have."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None:
            parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)


def clip(parameters: Iterable[nn.Parameter], most: float | None, by_value: bool = False) -> Tensor:
    """Shorten gradients in place, all together, to a norm of at most `most` (Pascanu et al. 2013).

    most: None or 0: leave them as they are. by_value: cut each number off at `most` instead.

    Returns:
        The norm that they had, a float scalar on their device: infinite or NaN if any of them is.
    """
    parameters = [parameter for parameter in parameters if parameter.grad is not None]
    norm = get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])
    if most and by_value:
        clip_grad_value_(parameters, most)
    elif most:
        clip_grads_with_norm_(parameters, most, norm)
    return norm


def skip_unless_finite(optimizer: Optimizer, norm: Tensor) -> None:
    """Keep an optimizer from a step with gradients of a norm that is NaN or infinite.

    Its weights, moments and counts of steps stay as they are. Fused Adam on a GPU sees to that itself, so that nobody
    has to wait for the device, as one does for other optimizers there.

    Raises:
        StepSkipped: where the optimizer can't skip by itself.
    """
    if norm.is_cuda and skips_by_itself(optimizer):
        let_skip(optimizer, norm)
    elif not norm.isfinite():
        raise StepSkipped


def skips_by_itself(optimizer: Optimizer) -> bool:
    """Whether `let_skip` will do. Fused SGD knows how to, but a first step that it skips leaves momentum undefined."""
    return isinstance(optimizer, Adam) and divides_by_scale(optimizer)


def let_skip(optimizer: Any, norm: Tensor) -> None:
    """Tell a fused Adam, on its device, whether to skip the step that comes: what torch's GradScaler does."""
    optimizer.found_inf = (~norm.isfinite()).float()
