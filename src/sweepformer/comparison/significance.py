"""Tests of whether a difference is more than chance."""

import numpy as np
from scipy import special


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value that two runs are right equally often, from the rows that only one of them has right.

    McNemar's test in its mid-p form (Fagerland, Lydersen and Laake 2013, equation 4 of their supplement): the exact
    binomial test less half the probability of what was seen, which makes it less timid and still keeps its level.
    """
    rows, fewer = only_first + only_second, min(only_first, only_second)
    if not rows:
        return 1.0
    seen = float(np.exp(_log_choices(rows, fewer) - rows * np.log(2)))
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


def _log_choices(rows: int, chosen: int) -> float:
    return float(special.gammaln(rows + 1) - special.gammaln(chosen + 1) - special.gammaln(rows - chosen + 1))
