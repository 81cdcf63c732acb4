"""A text on its way into a model whose logits are a sum over its tokens."""

import numpy as np
import torch
from torch import Tensor

from sweepformer.baselines.baseline import Contributions


class SumPath:
    """As `attributions.Path`, from a text without words: every token adds a share of what it adds."""

    compared_with = "no words"

    def __init__(self, found: Contributions) -> None:
        self.base, self.values = torch.from_numpy(found.base), torch.from_numpy(found.values)

    def logits(self, shares: Tensor) -> Tensor:
        return (self.base + shares[:, None] * self.values.sum(0))[:, None]

    def credits(self, shares: Tensor, directions: Tensor) -> np.ndarray:
        return (self.values @ directions.sum((0, 1))).numpy()
