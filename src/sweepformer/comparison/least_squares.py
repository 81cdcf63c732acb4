"""Least squares where columns may depend on each other, as those of incomplete grids do."""

import math
from typing import NamedTuple

import numpy as np
from scipy import special

from sweepformer.comparison.bootstrap import Interval


class Estimate(NamedTuple):
    """mean, its t interval (None: no run is left to tell the spread by), and whether the rows say anything of it."""

    mean: float
    range: Interval | None
    is_known: bool


class LeastSquares:
    """The shortest of the best solutions (Moore-Penrose).

    Args:
        design: (rows, columns) float; values: (rows,) float.
    """

    def __init__(self, design: np.ndarray, values: np.ndarray) -> None:
        self.design, self.values = design, values
        self.inverse = np.linalg.pinv(design)
        self.rank = int(np.linalg.matrix_rank(design))
        self.freedom = len(values) - self.rank
        self.squares = float(((values - design @ (self.inverse @ values)) ** 2).sum())

    @property
    def noise(self) -> float:
        """The variance of what the columns don't explain."""
        return self.squares / self.freedom if self.freedom else math.nan

    def at(self, point: np.ndarray, level: float) -> Estimate:
        """The mean at a point, (columns,)."""
        weights = point @ self.inverse
        is_known = bool(np.allclose(weights @ self.design, point, atol=1e-6))
        mean = float(weights @ self.values)
        if not self.freedom:
            return Estimate(mean, None, is_known)
        half = float(special.stdtrit(self.freedom, (1 + level) / 2)) * math.sqrt(self.noise * float(weights @ weights))
        return Estimate(mean, Interval(mean - half, mean + half), is_known)

    def p_against(self, smaller: "LeastSquares") -> float | None:
        """That the columns which the smaller model lacks have no effect (F test); None where that can't be told."""
        freedom, gained = self.rank - smaller.rank, max(smaller.squares - self.squares, 0.0)
        if not freedom or not self.freedom:
            return None
        if not self.noise:
            return 0.0 if gained else 1.0
        return float(special.fdtrc(freedom, self.freedom, gained / freedom / self.noise))
