"""What answers beside labels come to."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from sweepformer.analysis.comparison.answers import ScoredAnswers, answers_of, split_of
from sweepformer.analysis.comparison.predictions import Predictions
from sweepformer.analysis.comparison.statistics import Interval, interval, resample
from sweepformer.analysis.evaluation.label_kinds import JUDGINGS, before_scaling
from sweepformer.analysis.evaluation.labelled import Labelled
from sweepformer.errors import UserError
from sweepformer.inference.predictor import Predictor
from sweepformer.inference.tables import KEY

RESAMPLES = 2000
LEVEL = 0.95
BINS = 15  # of confidence, as Guo et al. 2017


class Measured(NamedTuple):
    """A metric, and where 95 % of its values lie on other rows of the same kind; None: that isn't known."""

    value: float
    interval: Interval | None = None


class ClassScores(NamedTuple):
    """Of one class, or label: rows: how many have it; predicted: how many are said to."""

    name: str
    precision: float
    recall: float
    f1: float
    rows: int
    predicted: int


@dataclass(frozen=True)
class Calibration:
    """A reliability diagram: bins of equal width by confidence, the probability of the predicted class.

    confidence, accuracy: (bins,) float, means over the rows of each, NaN where there is none; rows: (bins,) int.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    rows: np.ndarray

    @property
    def bins(self) -> list[tuple[float, float, int]]:
        """Those that have rows: confidence, accuracy, rows. A well calibrated run is right as often as it says."""
        table = zip(self.confidence.tolist(), self.accuracy.tolist(), self.rows.tolist(), strict=True)
        return [(said, right, rows) for said, right, rows in table if rows]

    @property
    def error(self) -> float:
        """Expected calibration error (Naeini et al. 2015): how far the two are apart, on average over rows."""
        apart = np.nan_to_num(np.abs(self.confidence - self.accuracy))
        return float((apart * self.rows).sum() / self.rows.sum())


def calibration_of(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> Calibration:
    """confidence: (rows,) float, at least one; right: (rows,) bool, whether the predicted class was the true one."""
    numbers = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # a bin has its upper edge
    rows = np.bincount(numbers, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(numbers, weights=values, minlength=bins) / rows for values in (confidence, right)]
    return Calibration(means[0], means[1], rows)


class Mistake(NamedTuple):
    """A row with a wrong answer. weight: by how much: the probability of the wrong class, the distance of a number,
    or how many of the row's labels or words are wrong.
    """

    id: str
    label: Any
    prediction: Any
    weight: float
    text: str | None


@dataclass(frozen=True)
class Evaluation:
    """metrics: by name; classes: each one's scores, empty where there are none; confusion: (classes, classes) int, rows
    are true classes, of one class a row; calibration: of the run's probabilities, and of those before the temperature,
    None where there are none; mistakes: the worst first; notes: what else has to be known.
    """

    rows: int
    metrics: dict[str, Measured]
    classes: list[ClassScores]
    confusion: np.ndarray | None
    calibration: Calibration | None
    calibration_before: Calibration | None
    mistakes: list[Mistake]
    notes: list[str]


def check_can_be_measured(run: Predictor) -> None:
    """Raises a UserError if the run answers with nothing that labels could be compared with."""
    if run.kind.labelled not in JUDGINGS:
        advice = "python -m src.predict tells its loss"
        raise UserError(f"This run is a language model: it has no label for a text. {advice}.")


def evaluate(run: Predictor, labelled: Labelled, most_mistakes: int = 10) -> Evaluation:
    """Measure answers as a run's test does.

    Raises:
        UserError: the run knows none of the labels.
    """
    table = labelled.table.combine_chunks()
    judging = JUDGINGS[run.kind.labelled]
    in_rows = [judging.members(label) for label in table["label"].to_pylist()]
    seen = set().union(*in_rows)
    strange = sorted(seen - set(run.classes))
    if seen and len(strange) == len(seen):
        raise UserError(
            f"{KEY}: the run knows none of the labels. They are {_some(strange)}; the run's: {_some(run.classes)}."
        )
    names = [*run.classes, *strange]
    true, given = (judging.numbers(table[name].to_pylist(), names) for name in ("label", "prediction"))
    metrics = _metrics(run, table, judging.losses and judging.losses(run, true, given, labelled.probabilities))
    classes = _of_classes(true, given, names) if run.kind.labelled.has_classes else []
    confusion, after, before = None, None, None
    if run.kind.labelled.is_one_class:
        confusion = confusion_matrix(true, given, labels=range(len(names)))
        if labelled.probabilities is not None:
            unscaled = before_scaling(labelled.probabilities, run.temperature)
            after, before = (calibration_of(one.max(1), true == given) for one in (labelled.probabilities, unscaled))
            metrics |= {"ece": Measured(after.error), "ece_raw": Measured(before.error)}
    mistakes = _mistakes(run, labelled, most_mistakes)
    return Evaluation(len(table), metrics, classes, confusion, after, before, mistakes, _notes(run, labelled, in_rows))


def _metrics(run: Predictor, table: Any, losses: np.ndarray | None) -> dict[str, Measured]:
    """losses: (rows,) float, NaN of rows that have none."""
    predictions = Predictions(run.kind, table.select(["id", "label", "prediction"]), list(run.classes))
    split = split_of(predictions)
    told = [answers_of(split, predictions, lambda name: math.nan)]
    if losses is not None:
        known = ~np.isnan(losses)
        quantities = np.stack([np.where(known, losses, 0), known]).astype(np.float32)
        told.insert(0, ScoredAnswers(quantities, lambda own, shared: {"loss": own[0] / np.maximum(own[1], 1)}))
    return {
        name: Measured(value, interval(drawn[name], LEVEL))
        for one, drawn in zip(told, resample(split, told, RESAMPLES), strict=True)
        for name, value in split.measured(one).items()
        if not math.isnan(value)
    }


def _of_classes(true: np.ndarray, given: np.ndarray, names: Sequence[str]) -> list[ClassScores]:
    of_each = precision_recall_fscore_support(true, given, labels=range(len(names)), zero_division=0)
    predicted = given.sum(0) if given.ndim == 2 else np.bincount(given, minlength=len(names))
    numbers = zip(*(one.tolist() for one in (*of_each, predicted)), strict=True)
    return [ClassScores(name, *scores) for name, scores in zip(names, numbers, strict=True)]


def _notes(run: Predictor, labelled: Labelled, in_rows: list[set[str]]) -> list[str]:
    notes = []
    if run.temperature != 1:
        notes.append(
            f"probabilities are of logits divided by {run.temperature:.4g}, as fitted on validation; the loss is not"
        )
    strange = [row - set(run.classes) for row in in_rows]
    if count := sum(map(bool, strange)):
        names = _some(sorted(set().union(*strange)))
        notes.append(f"{count:,} rows have labels that the run does not know, which count as missed: {names}")
    counts = {
        "rows have no label and are left out": labelled.unlabelled,
        "rows have no text and are left out": labelled.without_text,
    }
    notes += [f"{count:,} {what}" for what, count in counts.items() if count]
    if labelled.cut:
        notes.append(f"{labelled.cut:,} texts are too long to be read whole: {run.what_is_read}")
    return notes


def _mistakes(run: Predictor, labelled: Labelled, most: int) -> list[Mistake]:
    rows = labelled.table.to_pylist()
    weights = np.array([JUDGINGS[run.kind.labelled].wrongness(row["label"], row["prediction"]) for row in rows])
    if run.kind.labelled.is_one_class and labelled.probabilities is not None:
        weights = weights * labelled.probabilities.max(1)  # how sure it was
    order = [place for place in np.argsort(-weights, kind="stable")[:most] if weights[place]]
    worst = ((rows[place], weights[place]) for place in order)
    return [Mistake(str(row["id"]), row["label"], row["prediction"], float(far), row["text"]) for row, far in worst]


def _some(names: Sequence[str], most: int = 8) -> str:
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more
