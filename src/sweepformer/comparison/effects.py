"""What the metric depends on: each setting's effect, with the other settings held alike."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweepformer.comparison.bootstrap import Interval
from sweepformer.comparison.factors import Factor, factor
from sweepformer.comparison.least_squares import LeastSquares
from sweepformer.comparison.runs import Run


@dataclass(frozen=True)
class Level:
    """Runs with one value of a key, or values of one class: how many, and the metric's mean were all else alike."""

    value: str
    runs: int
    mean: float
    range: Interval | None


@dataclass(frozen=True)
class Effect:
    """What depends on one key.

    share: of the metric's variance, which nothing explains when the key is left out; p: of no effect (F test), None
    where that can't be told; order: Spearman's rank correlation of its numbers with the metric, or None; separable:
    False where it always changed together with other keys: then the levels' means are those that were seen.
    """

    key: str
    share: float
    p: float | None
    levels: list[Level]
    order: float | None
    separable: bool


@dataclass(frozen=True)
class Effects:
    """Of all keys, the most telling first.

    runs: how many they were found from; rest: the share that no key explains by itself: chance, and what keys do
    together; left_out: keys of which hardly two runs share a value.
    """

    of_keys: list[Effect]
    runs: int
    rest: float
    left_out: list[str]


def effects_of(runs: Sequence[Run], metric: str, level: float) -> Effects:
    """Main effects by least squares: of a full grid, they are the means of its slices.

    The metric is modelled as a sum of a number for each value of each key (least-squares means, Searle, Speed and
    Milliken 1980), so that no value is praised for the company it kept where combinations are missing. What keys do
    only together is not in the model, and widens the intervals.

    Args:
        runs: trained to their end; those without the metric are left out.
    """
    runs = [run for run in runs if not math.isnan(run.metric(metric))]
    values = np.array([run.metric(metric) for run in runs])
    keys = [key for key in (runs[0].settings if runs else ()) if len({run.settings[key] for run in runs}) > 1]
    every = [factor(key, [run.settings[key] for run in runs]) for key in keys]
    left_out = [one.key for one in every if one.names_runs]
    factors = [one for one in every if not one.names_runs]
    if not factors or np.ptp(values) == 0:
        return Effects([], len(runs), 1.0, left_out)
    whole = _model(factors, values)
    found = [_effect(one, factors, whole, level) for one in factors]
    found.sort(key=lambda one: -one.share)
    return Effects(found, len(runs), whole.squares / _total(values), left_out)


def _model(factors: Sequence[Factor], values: np.ndarray) -> LeastSquares:
    constant = np.ones((len(values), 1))
    return LeastSquares(np.hstack([constant, *(one.columns for one in factors)]), values)


def _effect(one: Factor, factors: Sequence[Factor], whole: LeastSquares, level: float) -> Effect:
    without = _model([other for other in factors if other is not one], whole.values)
    found = [whole.at(_point(one, place, factors), level) for place in range(len(one.levels))]
    separable = whole.rank > without.rank and all(estimate.is_known for estimate in found)
    levels = []
    for place, (value, estimate) in enumerate(zip(one.levels, found, strict=True)):
        seen = whole.values[one.runs_of(place)]
        mean, spread = (estimate.mean, estimate.range) if separable else (float(seen.mean()), None)
        levels.append(Level(value, len(seen), mean, spread))
    share = max(without.squares - whole.squares, 0.0) / _total(whole.values)
    p = whole.p_against(without) if separable else None
    return Effect(one.key, share, p, levels, one.order(whole.values), separable)


def _point(one: Factor, place: int, factors: Sequence[Factor]) -> np.ndarray:
    """One level of a factor, and of all others what the runs have on average."""
    parts = [one.column_at(place) if other is one else other.columns.mean(0) for other in factors]
    return np.concatenate([np.ones(1), *parts])


def _total(values: np.ndarray) -> float:
    return float(((values - values.mean()) ** 2).sum())
