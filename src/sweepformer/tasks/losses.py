"""Losses of rows that belong to one class each, and how much each class counts in them."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, one_hot

from sweepformer.errors import UserError, hint


def class_weights(given: str | dict[str, float], classes: list[str], labels: np.ndarray) -> Tensor | None:
    """Weights of the classes, (classes,) float32; None: all count alike.

    Args:
        given: "none"; "balanced": inverse to the classes' frequency, 1 on the mean over rows (King and Zeng 2001);
            or numbers by a class's name, 1 for those that have none.
        classes: names.
        labels: class numbers of the training rows, (rows,) int64.

    Raises:
        UserError: there is no class of a name.
    """
    if given == "none":
        return None
    if isinstance(given, str):
        counts = torch.bincount(torch.from_numpy(labels), minlength=len(classes)).float()
        return counts.sum() / (len(counts) * counts.clamp(min=1))
    weights = torch.ones(len(classes))
    for name, weight in given.items():
        if str(name) not in classes:
            shown = ", ".join(classes[:20]) + (", ..." if len(classes) > 20 else "")
            raise UserError(
                f"task.class_weights: there is no class {name}.{hint(str(name), classes)} There are: {shown}."
            )
        weights[classes.index(str(name))] = weight
    return weights


def class_loss(
    logits: Tensor, targets: Tensor, weights: Tensor | None = None, smoothing: float = 0.0, gamma: float = 0.0
) -> Tensor:
    """Cross entropy summed over rows, a scalar.

    With `gamma` it is the focal loss (Lin et al. 2017, section 3), in which a class counts the less the surer the
    model is of it: sum of targets * weights * (1 - p)^gamma * -log p over classes, so that smoothed and mixed targets
    have a focal loss too.

    Args:
        logits: (rows, classes) float.
        targets: class numbers, (rows,) int64, or what each class should be given, (rows, classes) float.
        weights: of classes, (classes,) float; None: all count alike.
        smoothing: share of the targets that is spread over all classes (Szegedy et al. 2016, section 7).
        gamma: 0: plain cross entropy; 2 is the authors' choice.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # 16 bits are too few for sums of logarithms
    targets = targets.to(logits.dtype) if targets.is_floating_point() else targets
    weights = None if weights is None else weights.to(logits.dtype)
    if not gamma:
        return cross_entropy(logits, targets, weights, label_smoothing=smoothing, reduction="sum")
    log_p = logits.log_softmax(1)
    if not targets.is_floating_point():
        targets = one_hot(targets, logits.shape[1]).to(logits.dtype)
    targets = (1 - smoothing) * targets + smoothing / logits.shape[1]
    # Not quite zero, where a power below 1 has no gradient.
    unsure = (-log_p.expm1()).clamp(min=torch.finfo(log_p.dtype).eps)
    losses = -targets * unsure**gamma * log_p
    return (losses if weights is None else losses * weights).sum()


def disagreement(one: Tensor, other: Tensor) -> Tensor:
    """How far two passes over the same rows differ: KL divergence both ways, halved, summed over rows, a scalar.

    The regulariser of R-Drop (Liang et al. 2021, equation 2). one, other: logits, (rows, classes) float.
    """
    p, q = one.float().log_softmax(1), other.float().log_softmax(1)
    return (kl_div(p, q, reduction="sum", log_target=True) + kl_div(q, p, reduction="sum", log_target=True)) / 2
