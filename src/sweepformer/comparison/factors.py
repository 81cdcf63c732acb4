"""A setting as a factor: the values that runs have for it, or classes of them where they are many."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

MOST_LEVELS = 6  # of a number, before its values are put into classes
CLASSES = 4


@dataclass(frozen=True)
class Factor:
    """One key of all runs.

    settings: a run's value each; levels: by size, or as they come; codes: (runs,) each run's level.
    """

    key: str
    settings: list[str]
    levels: list[str]
    codes: np.ndarray

    @property
    def names_runs(self) -> bool:
        """Whether hardly two runs share a value: such a key would explain all of them, and nothing."""
        return len(self.levels) > 2 and 2 * len(self.levels) > len(self.settings)

    @cached_property
    def columns(self) -> np.ndarray:
        """(runs, levels - 1) 0 or 1: the first level is where all others are 0."""
        return np.eye(len(self.levels))[self.codes][:, 1:]

    def column_at(self, level: int) -> np.ndarray:
        """`columns` of a run with that level."""
        return np.eye(len(self.levels))[level][1:]

    def runs_of(self, level: int) -> np.ndarray:
        """(runs,) bool"""
        return self.codes == level

    def order(self, values: np.ndarray) -> float | None:
        """Spearman's rank correlation of its numbers with (runs,) values; None of other settings and of two values."""
        numbers = _numbers(self.settings)
        if numbers is None or len(set(self.settings)) < 3:
            return None
        return float(np.corrcoef(_ranks(numbers), _ranks(values))[0, 1])


def factor(key: str, settings: Sequence[str]) -> Factor:
    """The factor that a key is. Numbers that take many values are put into classes with as many runs each."""
    settings = list(settings)
    numbers = _numbers(settings)
    distinct = list(dict.fromkeys(settings))
    if numbers is None or len(distinct) <= MOST_LEVELS or key == "seed":
        levels = distinct if numbers is None else sorted(distinct, key=float)
        return Factor(key, settings, levels, np.array([levels.index(one) for one in settings]))
    limits = np.unique(np.quantile(numbers, np.linspace(0, 1, CLASSES + 1)[1:-1]))
    _, codes = np.unique(np.searchsorted(limits, numbers, side="left"), return_inverse=True)
    members = [numbers[codes == one] for one in range(codes.max() + 1)]
    return Factor(key, settings, [f"{one.min():.3g} to {one.max():.3g}" for one in members], codes)


def as_number(text: str) -> float | None:
    """A setting's number; None of other settings."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _numbers(settings: Sequence[str]) -> np.ndarray | None:
    found = [as_number(one) for one in settings]
    return None if None in found else np.array(found, dtype=float)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Places by size; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]
