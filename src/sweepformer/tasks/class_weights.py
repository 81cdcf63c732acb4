"""How much each class counts in the loss."""

import numpy as np
import torch
from torch import Tensor

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
