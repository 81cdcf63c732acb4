"""What is used of torch that it doesn't document, here alone: copies of models, which go without the rest, need it too.

A release that changes it fails by name in `tests/contracts/test_torch.py`.
"""

import sys
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


def softmax_gradient(of_weights: Tensor, weights: Tensor) -> Tensor:
    """The gradient of the scores, given that of the `weights` that a softmax over the last dimension made of them.

    One pass over memory instead of three; all of one shape and type.
    """
    return torch._softmax_backward_data(of_weights, weights, -1, weights.dtype)


def divides_by_scale(optimizer: Optimizer) -> bool:
    """Whether a GradScaler leaves it to the optimizer to divide gradients by the scale, as it does with fused ones."""
    return getattr(optimizer, "_step_supports_amp_scaling", False)


def not_sent_by_ddp(module: Any, names: Iterable[str]) -> None:
    """Keep DDP from comparing and sending parameters and buffers of a module that is the same in every process."""
    module._ddp_params_and_buffers_to_ignore = list(names)


def summary_writer(writer: Any) -> Any:
    """Where a SummaryWriter puts its records, opened anew if it was closed: it has no method for a record as such."""
    return writer._get_file_writer()


def compiled_frames() -> int:
    """How many functions torch.compile has compiled in this process, again for other shapes counted again."""
    return int(torch._dynamo.utils.counters["frames"]["total"]) if "torch._dynamo" in sys.modules else 0


def float32_matmul_by_onednn() -> Any:
    """oneDNN's setting for products of float32 matrices, whose `fp32_precision` is "none", "ieee", "tf32" or "bf16"."""
    return torch.backends.mkldnn.matmul  # type: ignore[attr-defined]  # made at import
