"""What answers beside labels come to."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from sweepformer.analysis.comparison.answers import Answers, answers_of, split_of
from sweepformer.analysis.comparison.mistakes import furthest_off
from sweepformer.analysis.comparison.predictions import Predictions
from sweepformer.analysis.comparison.statistics import Interval, interval, resample
from sweepformer.analysis.evaluation.calibration import Calibration, before_scaling, calibration_of, losses_of
from sweepformer.analysis.evaluation.labelled import Labelled
from sweepformer.errors import UserError
from sweepformer.inference.predictor import Predictor
from sweepformer.inference.tables import KEY

RESAMPLES = 2000
LEVEL = 0.95


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
    if run.kind.labels == "nothing":
        raise UserError(
            "This run is a language model: it has no label for a text. python -m src.predict tells its loss."
        )


def evaluate(run: Predictor, labelled: Labelled, most_mistakes: int = 10) -> Evaluation:
    """Measure answers as a run's test does.

    Raises:
        UserError: the run knows none of the labels.
    """
    table = labelled.table.combine_chunks()
    names = _known(run, table["label"].to_pylist())
    true, given = (_numbers(table[name].to_pylist(), names, run.kind.labels) for name in ("label", "prediction"))
    losses = losses_of(run, true, given if run.kind.labels == "number" else labelled.probabilities)
    metrics = _metrics(run, table, losses)
    classes, confusion, after, before = [], None, None, None
    if run.kind.labels in ("class", "classes"):
        classes = _of_classes(true, given, names)
    if run.kind.labels == "class":
        confusion = confusion_matrix(true, given, labels=range(len(names)))
        if labelled.probabilities is not None:
            unscaled = before_scaling(labelled.probabilities, run.temperature)
            after, before = (calibration_of(one.max(1), true == given) for one in (labelled.probabilities, unscaled))
            metrics |= {"ece": Measured(after.error), "ece_raw": Measured(before.error)}
    mistakes = _mistakes(run, labelled, most_mistakes)
    return Evaluation(len(table), metrics, classes, confusion, after, before, mistakes, _notes(run, labelled))


def _metrics(run: Predictor, table: Any, losses: np.ndarray | None) -> dict[str, Measured]:
    predictions = Predictions(run.kind, table.select(["id", "label", "prediction"]), list(run.classes))
    split = split_of(predictions)
    told = [answers_of(split, predictions, lambda name: math.nan)]
    if losses is not None:
        told.insert(0, _answers_of_losses(losses))
    ones = np.ones((split.rows, 1), np.float32)
    found: dict[str, Measured] = {}
    for one, drawn in zip(told, resample(split, told, RESAMPLES), strict=True):
        for name, (value,) in one.measure(one.quantities @ ones, split.shared @ ones).items():
            if not math.isnan(value):
                found[name] = Measured(float(value), interval(drawn[name], LEVEL))
    return found


def _answers_of_losses(losses: np.ndarray) -> Answers:
    """What resamples take the mean loss from. losses: (rows,) float, NaN of rows that have none."""
    known = ~np.isnan(losses)
    quantities = np.stack([np.where(known, losses, 0), known]).astype(np.float32)
    return Answers(quantities, lambda own, shared: {"loss": own[0] / np.maximum(own[1], 1)})


def _of_classes(true: np.ndarray, given: np.ndarray, names: Sequence[str]) -> list[ClassScores]:
    of_each = precision_recall_fscore_support(true, given, labels=range(len(names)), zero_division=0)
    predicted = given.sum(0) if given.ndim == 2 else np.bincount(given, minlength=len(names))
    numbers = zip(*(one.tolist() for one in (*of_each, predicted)), strict=True)
    return [ClassScores(name, *scores) for name, scores in zip(names, numbers, strict=True)]


def _known(run: Predictor, labels: list[Any]) -> list[str]:
    """The run's classes, then those that only the labels name.

    Raises:
        UserError: the run knows none of the labels.
    """
    if run.kind.labels == "number":
        return []
    seen = set(labels) if run.kind.labels == "class" else {one for row in labels for one in row}
    strange = sorted(seen - set(run.classes))
    if seen and len(strange) == len(seen):
        raise UserError(
            f"{KEY}: the run knows none of the labels. They are {_some(strange)}; the run's: {_some(run.classes)}."
        )
    return [*run.classes, *strange]


def _notes(run: Predictor, labelled: Labelled) -> list[str]:
    notes = []
    if run.temperature != 1:
        notes.append(
            f"probabilities are of logits divided by {run.temperature:.4g}, as fitted on validation; the loss is not"
        )
    if run.kind.labels != "number":
        labels = labelled.table["label"].to_pylist()
        of_rows = [{row} if run.kind.labels == "class" else set(row) for row in labels]
        strange = [row - set(run.classes) for row in of_rows]
        if count := sum(map(bool, strange)):
            names = _some(sorted(set().union(*strange)))
            notes.append(f"{count:,} rows have labels that the run does not know, which count as missed: {names}")
    if labelled.unlabelled:
        notes.append(f"{labelled.unlabelled:,} rows have no label and are left out")
    if labelled.without_text:
        notes.append(f"{labelled.without_text:,} rows have no text and are left out")
    if labelled.cut:
        notes.append(f"{labelled.cut:,} texts are too long to be read whole: {run.what_is_read}")
    return notes


def _mistakes(run: Predictor, labelled: Labelled, most: int) -> list[Mistake]:
    ids, labels, given, texts = (labelled.table[name].to_pylist() for name in ("id", "label", "prediction", "text"))
    said = labelled.probabilities if run.kind.labels == "class" else None
    surest = None if said is None else said.max(1)
    worst = furthest_off(run.kind.labels, labels, given, surest)[:most]
    return [Mistake(str(ids[one]), labels[one], given[one], weight, texts[one]) for one, weight in worst]


def _numbers(values: list[Any], names: Sequence[str], labelled: str) -> np.ndarray:
    """(rows,) int64 class numbers, (rows, classes) bool, or (rows,) float; empty of tags."""
    places = {name: place for place, name in enumerate(names)}
    if labelled == "tags":
        return np.zeros(0)
    if labelled == "number":
        return np.array(values, dtype=np.float64)
    if labelled == "class":
        return np.array([places[value] for value in values])
    table = np.zeros((len(values), len(names)), dtype=bool)
    for row, members in enumerate(values):
        table[row, [places[one] for one in members]] = True
    return table


def _some(names: Sequence[str], most: int = 8) -> str:
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more
