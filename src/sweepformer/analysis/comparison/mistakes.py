"""Where single runs err: what is taken for what, and the rows that they are furthest from right on."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow
import pyarrow.compute as pc
import pyarrow.parquet

from sweepformer.analysis.comparison.predictions import FILE, PROBABILITY, NoAnswers, Predictions, read_predictions
from sweepformer.runs.reading import Run

MOST_CLASSES = 40


class Confusion(NamedTuple):
    """counts: (classes, classes) rows of the test split, true classes down, predicted ones across."""

    classes: list[str]
    counts: np.ndarray


class Mistake(NamedTuple):
    """A test row: its id, what was true, what was said; size: how sure the run was, or how far off."""

    id: str
    label: str
    prediction: str
    size: float


def confusion(run: Run) -> Confusion | None:
    """Of rows or of tagged words, those without an answer left out; None of other tasks, and where nothing is kept.

    Of many classes, those that are most confused.
    """
    try:
        predictions = read_predictions(run)
    except NoAnswers:
        return None
    if predictions.kind.labels not in ("class", "tags"):
        return None
    true, given = (_names(predictions, column) for column in ("label", "prediction"))
    names = sorted(set(pc.unique(true).to_pylist()) | set(pc.unique(given).drop_null().to_pylist()))
    down, across = (pc.index_in(one, value_set=pyarrow.array(names)) for one in (true, given))
    answered = across.is_valid().to_numpy(zero_copy_only=False)
    places = down.to_numpy(zero_copy_only=False)[answered] * len(names)
    places = (places + across.fill_null(0).to_numpy(zero_copy_only=False)[answered]).astype(np.int64)
    counts = np.bincount(places, minlength=len(names) ** 2).reshape(len(names), -1)
    return _most_confused(names, counts)


def worst_mistakes(run: Run, most: int) -> list[Mistake]:
    """The rows that a run was surest of and wrong, or, of numbers, furthest off; none of other tasks."""
    try:
        predictions = read_predictions(run)
    except NoAnswers:
        return []
    if predictions.kind.labels not in ("class", "number"):
        return []
    ids, label, given = (predictions.column(name).to_pylist() for name in ("id", "label", "prediction"))
    surest = _surest(run, predictions.classes) if predictions.kind.labels == "class" else None
    found = furthest_off(predictions.kind.labels, label, given, surest)[:most]
    return [Mistake(str(ids[one]), _shown(label[one]), _shown(given[one]), size) for one, size in found]


def furthest_off(
    labelled: str, labels: Sequence[Any], given: Sequence[Any], surest: np.ndarray | None
) -> list[tuple[int, float]]:
    """The places of rows with a wrong answer, the worst first, and by how much they are.

    That is the distance of a number, how many of a row's classes or tags are wrong, or of one class the probability of
    the wrong one.

    Args:
        labelled: as in `tasks.kinds.Kind`.
        labels, given: (rows,) what is true and what was said.
        surest: (rows,) float, of one class a row the highest probability; None: it isn't known.
    """
    off = [_off(labelled, one, other) for one, other in zip(labels, given, strict=True)]
    if surest is not None:
        off = (np.array(off) * surest).tolist()
    return sorted(((place, float(size)) for place, size in enumerate(off) if size), key=lambda one: -one[1])


def _off(labelled: str, label: Any, given: Any) -> float:
    match labelled:
        case "number":
            return abs(label - given)
        case "classes":
            return len(set(label) ^ set(given))
        case "tags":
            return sum(one != other for one, other in zip(label, given, strict=True))
        case _:
            return float(label != given)


def _names(predictions: Predictions, column: str) -> pyarrow.Array:
    found = predictions.column(column)
    return (pc.list_flatten(found) if predictions.kind.labels == "tags" else found).cast(pyarrow.string())


def _surest(run: Run, classes: list[str]) -> np.ndarray | None:
    """(rows,) the highest probability of each; None where none were kept."""
    if not classes:
        return None
    table = pyarrow.parquet.read_table(run.path / FILE, columns=[PROBABILITY + name for name in classes])
    return np.max([column.to_numpy() for column in table.columns], axis=0)


def _most_confused(names: list[str], counts: np.ndarray) -> Confusion:
    if len(names) <= MOST_CLASSES:
        return Confusion(names, counts)
    wrong = counts.sum(0) + counts.sum(1) - 2 * counts.diagonal()
    kept = np.sort(np.argsort(-wrong, kind="stable")[:MOST_CLASSES])
    return Confusion([names[one] for one in kept], counts[np.ix_(kept, kept)])


def _shown(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
