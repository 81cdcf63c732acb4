"""Runs that differ in nothing but the seed, together: how far chance alone goes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from sweepformer.analysis.comparison.metrics import Metric
from sweepformer.analysis.comparison.statistics import Interval, holm
from sweepformer.runs.reading import Run


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
    return _corrected([one if runs is best else _beside(best, one, runs, metric, level) for one, runs in found])


def _of(runs: list[Run], metric: Metric) -> Repeated:
    values, test = (np.array([run.metric(name) for run in runs]) for name in (metric.name, metric.test))
    return Repeated(
        dict(runs[0].but_for_the_seed), [run.name for run in runs], *_mean_and_spread(values), *_mean_and_spread(test)
    )


def _mean_and_spread(values: np.ndarray) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _beside(best: list[Run], one: Repeated, runs: list[Run], metric: Metric, level: float) -> Repeated:
    """Seed by seed: a seed also cuts the splits, and so both had the same rows."""
    of_best = {_seed(run): run.metric(metric.test) for run in best}
    differences = np.array([run.metric(metric.test) - of_best[_seed(run)] for run in runs if _seed(run) in of_best])
    if len(differences) < 2 or np.isnan(differences).any():
        return one
    mean, error = float(differences.mean()), float(differences.std(ddof=1)) / len(differences) ** 0.5
    freedom = len(differences) - 1
    half = float(special.stdtrit(freedom, (1 + level) / 2)) * error
    p = 2 * float(special.stdtr(freedom, -abs(mean) / error)) if error else float(mean == 0)
    return replace(one, difference=mean, range=Interval(mean - half, mean + half), corrected=p)


def _seed(run: Run) -> object:
    return run.config.get("seed")


def _corrected(found: list[Repeated]) -> list[Repeated]:
    tested = [one for one in found if one.corrected is not None]
    values = iter(holm(np.array([one.corrected for one in tested], dtype=float)).tolist())
    return [one if one.corrected is None else replace(one, corrected=next(values)) for one in found]
