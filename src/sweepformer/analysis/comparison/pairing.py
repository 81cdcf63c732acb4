"""Each run beside the best one, row by row of the test split that they share."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from sweepformer.analysis.comparison.answers import ScoredAnswers, Split, answers_of, split_of
from sweepformer.analysis.comparison.metrics import Metric
from sweepformer.analysis.comparison.predictions import NoAnswers, Predictions, read_predictions
from sweepformer.analysis.comparison.statistics import Interval, holm, interval, mcnemar, normal, resample
from sweepformer.runs.reading import READERS, Run


@dataclass(frozen=True)
class Sure:
    """How sure one wants to be, and at what cost.

    level: of intervals and tests, 0.95 is usual; resamples: of the test split.
    """

    level: float = 0.95
    resamples: int = 1000


@dataclass(frozen=True)
class Pair:
    """A run against the best one that was tested on the same rows.

    best: that one's name; test: "McNemar" or "bootstrap"; difference: in the test metric, run less best;
    p: of no difference, corrected: for the number of comparisons; verdict: "same" (not distinguishable), "worse" or
    "better" than the best.
    """

    best: str
    test: str
    difference: float
    range: Interval
    p: float
    corrected: float = 1.0
    verdict: str = "same"


@dataclass
class Tested:
    """All runs on their test splits, by the runs' names.

    splits: how many rows each has, and which runs it, best first, the best run's first; intervals: by metric; unknown:
    why a run is compared with none.
    """

    splits: list[tuple[int, list[str]]] = field(default_factory=list)
    intervals: dict[str, dict[str, Interval]] = field(default_factory=dict)
    pairs: dict[str, Pair] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)


@dataclass
class _Shared:
    """A split, and the runs that were tested on it, best first."""

    split: Split
    names: list[str]
    answers: list[ScoredAnswers]


def pair_runs(ranked: Sequence[Run], metric: Metric, sure: Sure) -> Tested:
    """Intervals of test metrics, and each run against the best of those with the same test rows.

    Args:
        ranked: best first, by what was not measured on the test split: else the best would be so by chance too.
    """
    tested = Tested()
    for shared in _gather(ranked, tested.unknown):
        resampled = resample(shared.split, shared.answers, sure.resamples)
        tested.splits.append((shared.split.rows, shared.names))
        for name, values in zip(shared.names, resampled, strict=True):
            tested.intervals[name] = {f"test_{one}": interval(draws, sure.level) for one, draws in values.items()}
        tested.pairs |= _pairs(shared, resampled, metric.test.removeprefix("test_"), sure.level)
    corrected = holm(np.array([pair.p for pair in tested.pairs.values()]))
    for (name, pair), p in zip(list(tested.pairs.items()), corrected.tolist(), strict=True):
        differs = "better" if (pair.difference > 0) == (metric.test_mode == "max") else "worse"
        tested.pairs[name] = replace(pair, corrected=p, verdict=differs if p < 1 - sure.level else "same")
    return tested


def _gather(ranked: Sequence[Run], unknown: dict[str, str]) -> list[_Shared]:
    found: list[_Shared] = []
    with ThreadPoolExecutor(READERS) as readers:
        for run, predictions in zip(ranked, readers.map(_read, ranked), strict=True):
            try:
                if isinstance(predictions, NoAnswers):
                    raise predictions
                shared = next((one for one in found if one.split.is_of(predictions)), None)
                if shared is None:
                    shared = _Shared(split_of(predictions), [], [])
                    found.append(shared)
                shared.answers.append(answers_of(shared.split, predictions, run.metric))
                shared.names.append(run.name)
            except NoAnswers as reason:
                unknown[run.name] = str(reason)
    return [one for one in found if one.names]


def _read(run: Run) -> Predictions | NoAnswers:
    try:
        return read_predictions(run)
    except NoAnswers as reason:
        return reason


def _pairs(shared: _Shared, resampled: list[dict[str, np.ndarray]], metric: str, level: float) -> dict[str, Pair]:
    """Each run but the first beside the first."""
    if metric not in resampled[0]:
        return {}
    values = [shared.split.measured(one)[metric] for one in shared.answers]
    right, pairs = shared.answers[0].right, {}
    for place, name in enumerate(shared.names[1:], 1):
        difference, draws = values[place] - values[0], resampled[place][metric] - resampled[0][metric]
        also_right = shared.answers[place].right
        if metric == "acc" and right is not None and also_right is not None:
            test, p = "McNemar", mcnemar(int((right & ~also_right).sum()), int((also_right & ~right).sum()))
        else:
            test, p = "bootstrap", normal(difference, draws)
        pairs[name] = Pair(shared.names[0], test, difference, interval(draws, level), p)
    return pairs
