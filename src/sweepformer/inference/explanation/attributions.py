"""What each token adds to an answer: integrated gradients (Sundararajan, Taly and Yan 2017, ICML).

Their mean over several baselines (Erion et al. 2021, "Improving performance of deep learning models with axiomatic
attribution priors and expected gradients") says what a text differs from. Of models whose logits are a sum over tokens
it comes to the tokens' terms.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from sweepformer.baselines.baseline import Contributions

STEPS = (4, 8, 16, 32, 64, 128)  # of the integral: more and more, until it is close enough
CLOSE_ENOUGH = 0.02  # of what it should come to
CANCELLED = 10  # where tokens cancel out the difference says little: a tenth of their sizes is the least that counts

Measure = Callable[[Tensor], Tensor]  # (..., outputs) float64 logits to (...,) float64: the number that is explained


class Path(Protocol):
    """A text between its baselines (share 0) and as it is (share 1). compared_with: what these are, in words."""

    compared_with: str

    def logits(self, shares: Tensor) -> Tensor:
        """What the model answers on the way: (steps,) float64 to (steps, baselines, outputs) float64."""

    def credits(self, shares: Tensor, directions: Tensor) -> np.ndarray:
        """How far each token moves the logits in the given directions, from a baseline's vector to its own.

        shares: (steps,) float64; directions: (steps, baselines, outputs) float64, of the logits there. Returns
        (tokens,) float64, summed over steps and baselines: gradients with regard to a token's vector, times what that
        differs by.
        """


@dataclass(frozen=True)
class Attribution:
    """What tokens add. values: (tokens,) float64; before, after: the measure at the baselines (their mean), and of the
    text as it is; steps: of the integral.
    """

    values: np.ndarray
    before: float
    after: float
    steps: int

    @property
    def missing(self) -> float:
        """How far the values' sum is from `after - before`, which it should be, as a share of that: 0 is exact."""
        difference = self.after - self.before
        size = max(abs(difference), float(np.abs(self.values).sum()) / CANCELLED)
        return abs(float(self.values.sum()) - difference) / size if size else 0.0


def attribute(path: Path, measure: Measure) -> Attribution:
    """What each token adds to the measure on straight paths from the baselines to the text.

    The integral is taken by Gauss and Legendre's rule; its points are doubled until the values sum up to the
    difference, within `CLOSE_ENOUGH` of it, or to the most of `STEPS`.
    """
    before, after = measure(path.logits(torch.tensor([0.0, 1.0], dtype=torch.float64))).mean(1).tolist()
    for steps in STEPS:
        shares, weights = _points(steps)
        logits = path.logits(shares).requires_grad_()
        (directions,) = torch.autograd.grad((measure(logits).mean(1) * weights).sum(), logits)
        attribution = Attribution(path.credits(shares, directions), before, after, steps)
        if attribution.missing <= CLOSE_ENOUGH:
            break
    return attribution


@cache
def _points(steps: int) -> tuple[Tensor, Tensor]:
    """Where on the path from 0 to 1, and how much each point counts: (steps,) float64 each."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    return torch.from_numpy((points + 1) / 2), torch.from_numpy(weights / 2)


class SumPath:
    """As `Path`, from a text without words: every token adds a share of what it adds."""

    compared_with = "no words"

    def __init__(self, found: Contributions) -> None:
        self.base, self.values = torch.from_numpy(found.base), torch.from_numpy(found.values)

    def logits(self, shares: Tensor) -> Tensor:
        return (self.base + shares[:, None] * self.values.sum(0))[:, None]

    def credits(self, shares: Tensor, directions: Tensor) -> np.ndarray:
        return (self.values @ directions.sum((0, 1))).numpy()
