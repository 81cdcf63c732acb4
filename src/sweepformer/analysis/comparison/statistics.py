"""Intervals, tests and fits by which runs are told apart."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from sweepformer.analysis.comparison.answers import ScoredAnswers, Split

AT_ONCE = 16_000_000  # counts held in memory: 64 MB


class Interval(NamedTuple):
    """From `low` to `high`."""

    low: float
    high: float


def resample(
    split: Split, answers: Sequence[ScoredAnswers], resamples: int, seed: int = 0
) -> list[dict[str, np.ndarray]]:
    """Metrics of every run on resampled test splits: (resamples,) each, by name without `test_`.

    All runs see the same resamples, so that they can be compared resample by resample.
    """
    parts: list[list[dict[str, np.ndarray]]] = [[] for _ in answers]
    random, rows = np.random.default_rng(seed), split.rows
    size = max(AT_ONCE // rows, 1)
    for start in range(0, resamples, size):
        count = min(size, resamples - start)
        drawn = [np.bincount(random.integers(rows, size=rows), minlength=rows) for _ in range(count)]
        weights = np.ascontiguousarray(np.stack(drawn, axis=1), dtype=np.float32)  # how often each row was drawn
        shared = split.shared @ weights
        for one, found in zip(answers, parts, strict=True):
            found.append(one.measure(one.quantities @ weights, shared))
    return [{name: np.concatenate([part[name] for part in found]) for name in found[0]} for found in parts]


def interval(values: np.ndarray, level: float) -> Interval:
    """The middle `level` of resampled values, (resamples,): the percentile interval."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def t_interval(mean: float, error: float, freedom: int, level: float) -> Interval:
    """Around a mean with this standard error."""
    half = float(special.stdtrit(freedom, (1 + level) / 2)) * error
    return Interval(mean - half, mean + half)


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value that two runs are right equally often, from the rows that only one of them has right.

    McNemar's test in its mid-p form (Fagerland, Lydersen and Laake 2013, equation 4 of their supplement): the exact
    binomial test less half the probability of what was seen, which makes it less timid and still keeps its level.
    """
    rows, fewer = only_first + only_second, min(only_first, only_second)
    if not rows:
        return 1.0
    choices = special.gammaln(rows + 1) - special.gammaln(fewer + 1) - special.gammaln(rows - fewer + 1)
    seen = float(np.exp(choices - rows * np.log(2)))
    if only_first == only_second:
        return 1 - seen / 2
    return float(2 * special.bdtr(fewer, rows, 0.5) - seen)


def normal(difference: float, resampled: np.ndarray) -> float:
    """Two-sided p-value of a difference, by the spread of its resamples, (resamples,), as its standard error.

    The normal approximation: counting resamples beyond 0 could not tell p-values below 2 / resamples apart, too coarse
    once they are corrected for many comparisons.
    """
    error = float(resampled.std(ddof=1))
    if not error:
        return 1.0 if not difference else 0.0
    return float(2 * special.ndtr(-abs(difference) / error))


def holm(values: np.ndarray) -> np.ndarray:
    """P-values, (comparisons,), corrected for their number: the chance of one false alarm is bounded (Holm 1979)."""
    order = np.argsort(values)
    steps = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(steps, 1)
    return corrected


class Estimate(NamedTuple):
    """mean, its t interval (None: no run is left to tell the spread by), and whether the rows say anything of it."""

    mean: float
    range: Interval | None
    is_known: bool


class LeastSquares:
    """The shortest of the best solutions (Moore-Penrose). design: (rows, columns) float; values: (rows,) float."""

    def __init__(self, design: np.ndarray, values: np.ndarray) -> None:
        self.design, self.values = design, values
        self.inverse = np.linalg.pinv(design)
        self.rank = int(np.linalg.matrix_rank(design))
        self.freedom = len(values) - self.rank
        self.total = float(((values - values.mean()) ** 2).sum())
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
        error = math.sqrt(self.noise * float(weights @ weights))
        return Estimate(mean, t_interval(mean, error, self.freedom, level), is_known)

    def p_against(self, smaller: "LeastSquares") -> float | None:
        """That the columns which the smaller model lacks have no effect (F test); None where that can't be told."""
        freedom, gained = self.rank - smaller.rank, max(smaller.squares - self.squares, 0.0)
        if not freedom or not self.freedom:
            return None
        if not self.noise:
            return 0.0 if gained else 1.0
        return float(special.fdtrc(freedom, self.freedom, gained / freedom / self.noise))
