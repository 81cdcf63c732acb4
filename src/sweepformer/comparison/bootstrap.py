"""How far metrics of a test split move with other rows of the same kind (Efron and Tibshirani 1993, chapter 6)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from sweepformer.comparison.answers import Answers, Split

AT_ONCE = 16_000_000  # counts held in memory: 64 MB


class Interval(NamedTuple):
    """From `low` to `high`."""

    low: float
    high: float


def resample(split: Split, answers: Sequence[Answers], resamples: int, seed: int = 0) -> list[dict[str, np.ndarray]]:
    """Metrics of every run on resampled test splits: (resamples,) each, by name without `test_`.

    All runs see the same resamples, so that they can be compared resample by resample.
    """
    parts: list[list[dict[str, np.ndarray]]] = [[] for _ in answers]
    for weights in _draws(split.rows, resamples, seed):
        shared = split.shared @ weights
        for one, found in zip(answers, parts, strict=True):
            found.append(one.measure(one.quantities @ weights, shared))
    return [{name: np.concatenate([part[name] for part in found]) for name in found[0]} for found in parts]


def interval(values: np.ndarray, level: float) -> Interval:
    """The middle `level` of resampled values, (resamples,): the percentile interval."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def _draws(rows: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """(rows, some of the resamples) float32: how often each row was drawn."""
    random = np.random.default_rng(seed)
    size = max(AT_ONCE // rows, 1)
    for start in range(0, resamples, size):
        count = min(size, resamples - start)
        drawn = [np.bincount(random.integers(rows, size=rows), minlength=rows) for _ in range(count)]
        yield np.ascontiguousarray(np.stack(drawn, axis=1), dtype=np.float32)
