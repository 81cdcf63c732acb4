"""How far answers and numbers go together."""

from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class Correlation(Metric):
    """Pearson's correlation of all answers with the true numbers, over all processes; of their ranks it is Spearman's.

    0, and not undefined, where all answers are the same: they say nothing of the numbers. Computed in double
    precision.

    Args:
        ranked: ranks instead of numbers; equal numbers share the mean of theirs.
    """

    answers: list[Tensor]
    numbers: list[Tensor]

    def __init__(self, ranked: bool) -> None:
        super().__init__()
        self.ranked = ranked
        self.add_state("answers", [], dist_reduce_fx="cat")
        self.add_state("numbers", [], dist_reduce_fx="cat")

    def update(self, answers: Tensor, numbers: Tensor) -> None:
        """(rows,) float each."""
        self.answers.append(answers)
        self.numbers.append(numbers)

    def compute(self) -> Tensor:
        """Scalar from -1 to 1, float32."""
        pair = [dim_zero_cat(one).double().cpu().numpy() for one in (self.answers, self.numbers)]
        answers, numbers = (_centred(rankdata(one) if self.ranked else one) for one in pair)
        size = np.sqrt((answers**2).sum() * (numbers**2).sum())
        correlation: Any = (answers * numbers).sum() / size if size else 0.0
        return torch.tensor(correlation, dtype=torch.float32, device=self.device)


def _centred(numbers: np.ndarray) -> np.ndarray:
    return numbers - numbers.mean() if np.ptp(numbers) else np.zeros_like(numbers)
