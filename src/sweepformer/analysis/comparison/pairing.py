"""Each run beside the best one, row by row of the test split that they share."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from sweepformer.analysis.comparison.answers import ScoredAnswers, Split, answers_of, split_of
from sweepformer.analysis.comparison.metrics import Metric
from sweepformer.analysis.comparison.predictions import NoAnswers, predictions_or_reason
from sweepformer.analysis.comparison.statistics import Interval, holm, interval, mcnemar, normal, resample
from sweepformer.runs.reading import READERS, Run

Draws = dict[str, np.ndarray]  # a metric of resampled splits, (resamples,)


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


def pair_runs(ranked: Sequence[Run], metric: Metric, level: float, resamples: int) -> Tested:
    """Intervals of test metrics, and each run against the best of those with the same test rows.

    ranked: best first, by what was not measured on the test split, else the best would be so by chance too; level: of
    intervals and tests; resamples: of the test split.
    """
    tested = Tested()
    for split, answers in _gather(ranked, tested.unknown):
        resampled = dict(zip(answers, resample(split, list(answers.values()), resamples), strict=True))
        tested.splits.append((split.rows, list(answers)))
        for name, values in resampled.items():
            tested.intervals[name] = {f"test_{one}": interval(draws, level) for one, draws in values.items()}
        tested.pairs |= _pairs(split, answers, resampled, metric.test.removeprefix("test_"), level)
    corrected = holm(np.array([pair.p for pair in tested.pairs.values()]))
    for (name, pair), p in zip(list(tested.pairs.items()), corrected.tolist(), strict=True):
        differs = "better" if (pair.difference > 0) == (metric.test_mode == "max") else "worse"
        tested.pairs[name] = replace(pair, corrected=p, verdict=differs if p < 1 - level else "same")
    return tested


def _gather(ranked: Sequence[Run], unknown: dict[str, str]) -> list[tuple[Split, dict[str, ScoredAnswers]]]:
    """The test splits, and the answers of the runs that were tested on each, best first."""
    found: list[tuple[Split, dict[str, ScoredAnswers]]] = []
    with ThreadPoolExecutor(READERS) as readers:
        for run, predictions in zip(ranked, readers.map(predictions_or_reason, ranked), strict=True):
            try:
                if isinstance(predictions, NoAnswers):
                    raise predictions
                if not any(split.is_of(predictions) for split, _ in found):
                    found.append((split_of(predictions), {}))
                split, answers = next(one for one in found if one[0].is_of(predictions))
                answers[run.name] = answers_of(split, predictions, run.metric)
            except NoAnswers as reason:
                unknown[run.name] = str(reason)
    return [one for one in found if one[1]]


def _pairs(
    split: Split,
    answers: dict[str, ScoredAnswers],
    resampled: dict[str, dict[str, np.ndarray]],
    metric: str,
    level: float,
) -> dict[str, Pair]:
    """Each run but the first beside the first."""
    best = next(iter(answers))
    if metric not in resampled[best]:
        return {}
    values = {name: split.measured(one)[metric] for name, one in answers.items()}
    pairs = {}
    for name in list(answers)[1:]:
        difference, draws = values[name] - values[best], resampled[name][metric] - resampled[best][metric]
        right, also_right = answers[best].right, answers[name].right
        if metric == "acc" and right is not None and also_right is not None:
            test, p = "McNemar", mcnemar(int((right & ~also_right).sum()), int((also_right & ~right).sum()))
        else:
            test, p = "bootstrap", normal(difference, draws)
        pairs[name] = Pair(best, test, difference, interval(draws, level), p)
    return pairs
