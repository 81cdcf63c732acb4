"""Each run beside the best one, row by row of the test split that they share."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

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

    rows: of each split, the best run's first; shared_by: the runs of each split, best first; intervals: by metric;
    unknown: why a run is compared with none.
    """

    rows: list[int] = field(default_factory=list)
    shared_by: list[list[str]] = field(default_factory=list)
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
        tested.rows.append(shared.split.rows)
        tested.shared_by.append(shared.names)
        for name, values in zip(shared.names, resampled, strict=True):
            tested.intervals[name] = {f"test_{one}": interval(draws, sure.level) for one, draws in values.items()}
        tested.pairs |= _pairs(shared, resampled, metric, sure)
    _correct(tested.pairs, metric, sure)
    return tested


def _gather(ranked: Sequence[Run], unknown: dict[str, str]) -> list[_Shared]:
    found: list[_Shared] = []
    for run, predictions in _predictions(ranked, unknown):
        shared = next((one for one in found if one.split.is_of(predictions)), None)
        if shared is None:
            shared = _Shared(split_of(predictions), [], [])
            found.append(shared)
        try:
            shared.answers.append(answers_of(shared.split, predictions, run.metric))
            shared.names.append(run.name)
        except NoAnswers as reason:
            unknown[run.name] = str(reason)
    return [one for one in found if one.names]


def _predictions(runs: Sequence[Run], unknown: dict[str, str]) -> Iterator[tuple[Run, Predictions]]:
    with ThreadPoolExecutor(READERS) as readers:
        for run, found in zip(runs, readers.map(_read, runs), strict=True):
            if isinstance(found, NoAnswers):
                unknown[run.name] = str(found)
            else:
                yield run, found


def _read(run: Run) -> Predictions | NoAnswers:
    try:
        return read_predictions(run)
    except NoAnswers as reason:
        return reason


def _pairs(shared: _Shared, resampled: list[dict[str, np.ndarray]], metric: Metric, sure: Sure) -> dict[str, Pair]:
    name = metric.test.removeprefix("test_")
    if name not in resampled[0]:
        return {}
    ones = np.ones((shared.split.rows, 1), np.float32)
    whole = shared.split.shared @ ones
    exact = [float(one.measure(one.quantities @ ones, whole)[name][0]) for one in shared.answers]
    pair = partial(_pair, name, shared.names[0], sure.level)
    return {
        shared.names[place]: pair(
            (shared.answers[0], shared.answers[place]),
            exact[place] - exact[0],
            resampled[place][name] - resampled[0][name],
        )
        for place in range(1, len(shared.names))
    }


def _pair(
    metric: str,
    best: str,
    level: float,
    answers: tuple[ScoredAnswers, ScoredAnswers],
    difference: float,
    resampled: np.ndarray,
) -> Pair:
    first, second = (one.right for one in answers)
    if metric == "acc" and first is not None and second is not None:
        p = mcnemar(int((first & ~second).sum()), int((second & ~first).sum()))
        return Pair(best, "McNemar", difference, interval(resampled, level), p)
    return Pair(best, "bootstrap", difference, interval(resampled, level), normal(difference, resampled))


def _correct(pairs: dict[str, Pair], metric: Metric, sure: Sure) -> None:
    corrected = holm(np.array([pair.p for pair in pairs.values()]))
    for (name, pair), p in zip(list(pairs.items()), corrected.tolist(), strict=True):
        differs = "better" if metric.is_gain(pair.difference) else "worse"
        pairs[name] = replace(pair, corrected=p, verdict=differs if p < 1 - sure.level else "same")
