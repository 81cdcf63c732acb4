"""What the metric depends on: each setting's effect, with the others held alike, and chance, by the seeds."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import special

from sweepformer.analysis.comparison.metrics import Metric
from sweepformer.analysis.comparison.statistics import Interval, LeastSquares, holm, t_interval
from sweepformer.runs.reading import Run

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

    def order(self, values: np.ndarray) -> float | None:
        """Spearman's rank correlation of its numbers with (runs,) values; None of other settings and of two values."""
        numbers = numbers_of(self.settings)
        if numbers is None or len(set(self.settings)) < 3:
            return None
        return float(np.corrcoef(_ranks(numbers), _ranks(values))[0, 1])


def _factor(key: str, settings: list[str]) -> Factor:
    """The factor that a key is. Numbers that take many values are put into classes with as many runs each."""
    numbers = numbers_of(settings)
    distinct = list(dict.fromkeys(settings))
    if numbers is None or len(distinct) <= MOST_LEVELS or key == "seed":
        levels = distinct if numbers is None else sorted(distinct, key=float)
        return Factor(key, settings, levels, np.array([levels.index(one) for one in settings]))
    limits = np.unique(np.quantile(numbers, np.linspace(0, 1, CLASSES + 1)[1:-1]))
    _, codes = np.unique(np.searchsorted(limits, numbers, side="left"), return_inverse=True)
    members = [numbers[codes == one] for one in range(codes.max() + 1)]
    return Factor(key, settings, [f"{one.min():.3g} to {one.max():.3g}" for one in members], codes)


def numbers_of(settings: Sequence[str]) -> np.ndarray | None:
    """(settings,) float64; None if one of them is no finite number."""
    try:
        numbers = np.array([float(one) for one in settings])
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None


def _ranks(values: np.ndarray) -> np.ndarray:
    """Places by size; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


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

    runs: trained to their end; those without the metric are left out.
    """
    runs = [run for run in runs if not math.isnan(run.metric(metric))]
    values = np.array([run.metric(metric) for run in runs])
    settings = {key: [run.settings[key] for run in runs] for key in (runs[0].settings if runs else ())}
    every = [_factor(key, found) for key, found in settings.items() if len(set(found)) > 1]
    left_out = [one.key for one in every if one.names_runs]
    factors = [one for one in every if not one.names_runs]
    if not factors or np.ptp(values) == 0:
        return Effects([], len(runs), 1.0, left_out)
    whole = _model(factors, values)
    found = [_effect(one, factors, whole, level) for one in factors]
    found.sort(key=lambda one: -one.share)
    return Effects(found, len(runs), whole.squares / whole.total, left_out)


def _model(factors: Sequence[Factor], values: np.ndarray) -> LeastSquares:
    constant = np.ones((len(values), 1))
    return LeastSquares(np.hstack([constant, *(one.columns for one in factors)]), values)


def _effect(one: Factor, factors: Sequence[Factor], whole: LeastSquares, level: float) -> Effect:
    without = _model([other for other in factors if other is not one], whole.values)
    found = []
    for its_columns in np.eye(len(one.levels))[:, 1:]:  # of all other keys what the runs have on average
        parts = [its_columns if other is one else other.columns.mean(0) for other in factors]
        found.append(whole.at(np.concatenate([np.ones(1), *parts]), level))
    separable = whole.rank > without.rank and all(estimate.is_known for estimate in found)
    levels = []
    for place, (value, estimate) in enumerate(zip(one.levels, found, strict=True)):
        seen = whole.values[one.codes == place]
        mean, spread = (estimate.mean, estimate.range) if separable else (float(seen.mean()), None)
        levels.append(Level(value, len(seen), mean, spread))
    share = max(without.squares - whole.squares, 0.0) / whole.total
    p = whole.p_against(without) if separable else None
    return Effect(one.key, share, p, levels, one.order(whole.values), separable)


@dataclass(frozen=True)
class Repeated:
    """One setting with all its seeds, the best setting first.

    runs: names; mean, spread: of the metric that ranks, the spread a standard deviation (n - 1), nan of one run;
    test_mean, test_spread: of the test metric; difference: mean of the test metric less that of the best setting with
    several seeds, over the seeds that both have, with its t interval and corrected p-value (Holm); None
    where they share fewer than two.
    """

    settings: dict[str, str]
    runs: list[str]
    mean: float
    spread: float
    test_mean: float
    test_spread: float
    difference: float | None = None
    range: Interval | None = None
    corrected: float | None = None


def repeated_settings(ranked: Sequence[Run], metric: Metric, level: float) -> list[Repeated]:
    """Settings by their mean over seeds; empty if none has more than one seed."""
    groups: dict[tuple[tuple[str, str], ...], list[Run]] = defaultdict(list)
    for run in ranked:
        if not np.isnan(run.metric(metric.name)):
            groups[run.but_for_the_seed].append(run)
    if max(map(len, groups.values()), default=0) < 2:
        return []
    found = [(_of(runs, metric), runs) for runs in groups.values()]
    found.sort(key=lambda one: -one[0].mean if metric.mode == "max" else one[0].mean)
    best = next(runs for _, runs in found if len(runs) > 1)  # a single seed may have been lucky
    beside = [one if runs is best else _beside(best, one, runs, metric, level) for one, runs in found]
    values = iter(holm(np.array([one.corrected for one in beside if one.corrected is not None])).tolist())
    return [one if one.corrected is None else replace(one, corrected=next(values)) for one in beside]


def _of(runs: list[Run], metric: Metric) -> Repeated:
    values, test = (np.array([run.metric(name) for run in runs]) for name in (metric.name, metric.test))
    return Repeated(
        dict(runs[0].but_for_the_seed), [run.name for run in runs], *_mean_and_spread(values), *_mean_and_spread(test)
    )


def _mean_and_spread(values: np.ndarray) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _beside(best: list[Run], one: Repeated, runs: list[Run], metric: Metric, level: float) -> Repeated:
    """Seed by seed: a seed also cuts the splits, and so both had the same rows."""
    of_best = {run.config.get("seed"): run.metric(metric.test) for run in best}
    shared = [(run, of_best[seed]) for run in runs if (seed := run.config.get("seed")) in of_best]
    differences = np.array([run.metric(metric.test) - its_best for run, its_best in shared])
    if len(differences) < 2 or np.isnan(differences).any():
        return one
    mean, error = float(differences.mean()), float(differences.std(ddof=1)) / len(differences) ** 0.5
    freedom = len(differences) - 1
    p = 2 * float(special.stdtr(freedom, -abs(mean) / error)) if error else float(mean == 0)
    return replace(one, difference=mean, range=t_interval(mean, error, freedom, level), corrected=p)
