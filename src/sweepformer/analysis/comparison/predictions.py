"""`predictions.parquet`, read without its probabilities: what runs said of their test rows, and where they err."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow
import pyarrow.compute as pc
import pyarrow.parquet

from sweepformer.config.kinds import Kind, LabelKind, task_kind
from sweepformer.runs.reading import Run

FILE = "predictions.parquet"
PROBABILITY = "probability_"
MOST_CLASSES = 40  # of a confusion matrix


class Spans(NamedTuple):
    """begins, ends: (spans,) places of the first word and of the word after the last, ascending; kinds: (spans,)."""

    begins: np.ndarray
    ends: np.ndarray
    kinds: np.ndarray

    def shared_with(self, other: "Spans") -> np.ndarray:
        """Where those of these begin that are in both, with the same place and kind."""
        _, mine, theirs = np.intersect1d(self.begins, other.begins, assume_unique=True, return_indices=True)
        same = (self.ends[mine] == other.ends[theirs]) & (self.kinds[mine] == other.kinds[theirs])
        return self.begins[mine[same]]


def mark_spans(tags: np.ndarray, rows: np.ndarray, names: Sequence[str]) -> Spans | None:
    """The spans of all rows; None if the tags mark none, as parts of speech don't.

    A tag that goes on with a span where none of its kind is open begins one, as in `data.spans.spans_of`.

    tags: (words,) places in `names`, one beyond the last for a word without an answer, which is outside; rows: (words,)
    the row of each, ascending.
    """
    from sweepformer.data.spans import BEGINS, ENDS, OUTSIDE, scheme_of  # which loads SeqScore: for tags only

    if not scheme_of(names):
        return None
    parts = [re.fullmatch("(.)-(.+)", name) if name != OUTSIDE else None for name in [*names, OUTSIDE]]
    known = {kind: code for code, kind in enumerate(dict.fromkeys(part[2] for part in parts if part))}
    kinds = np.array([known[part[2]] if part else -1 for part in parts])[tags]
    always_begins = np.array([bool(part) and part[1] in BEGINS for part in parts])[tags]  # type: ignore[index]
    always_ends = np.array([bool(part) and part[1] in ENDS for part in parts])[tags]  # type: ignore[index]
    goes_on = np.zeros(len(tags) + 1, bool)  # with the span of the word before
    goes_on[1:-1] = (kinds[1:] == kinds[:-1]) & (rows[1:] == rows[:-1]) & ~always_begins[1:] & ~always_ends[:-1]
    inside = kinds >= 0
    begins = np.flatnonzero(inside & ~goes_on[:-1])
    ends = np.flatnonzero(inside & ~goes_on[1:]) + 1
    return Spans(begins, ends, kinds[begins])


class NoAnswers(Exception):
    """There are no predictions that runs could be compared by; the message says why."""


@dataclass(frozen=True)
class Predictions:
    """What a run said of its test rows.

    table: `id` and a kind's own columns, a chunk each; classes: all that can be predicted, as far as that is known.
    """

    kind: Kind
    table: pyarrow.Table
    classes: list[str]

    @property
    def key(self) -> pyarrow.Table:
        """The columns that are the same in all runs that were tested on the same rows."""
        return self.table.select(["id", _true_and_said(self.kind)[0]])

    def column(self, name: str) -> pyarrow.Array:
        return self.table[name].chunk(0)

    def names(self, name: str) -> pyarrow.Array:
        """All classes or tags in a column, one after the other, where labels are names."""
        found = self.column(name)
        return (found if self.kind.labelled.is_one_class else pc.list_flatten(found)).cast(pyarrow.string())


def read_predictions(run: Run) -> Predictions:
    """A run's predictions.

    Raises:
        NoAnswers: there are none, or they aren't understood.
    """
    kind = task_kind(run.config.get("task", {}))
    if kind is None:
        raise NoAnswers("its task is none that comes with sweepformer, and its answers aren't understood")
    wanted = ["id", *_true_and_said(kind)]
    try:
        with pyarrow.parquet.ParquetFile(run.path / FILE) as file:
            names = file.schema_arrow.names
            if missing := [name for name in wanted if name not in names]:
                raise NoAnswers(f"its {FILE} has no column {missing[0]}")
            table = file.read(columns=wanted, use_threads=False)
    except FileNotFoundError:
        raise NoAnswers(f"it has no {FILE}") from None
    except (OSError, pyarrow.ArrowException) as error:
        raise NoAnswers(f"its {FILE} can't be read ({str(error).splitlines()[0]})") from error
    if not table.num_rows:
        raise NoAnswers(f"its {FILE} has no rows")
    return Predictions(kind, table.combine_chunks(), _classes(run, names))


def predictions_or_reason(run: Run) -> Predictions | NoAnswers:
    """A run's predictions, or why there are none."""
    try:
        return read_predictions(run)
    except NoAnswers as reason:
        return reason


def _true_and_said(kind: Kind) -> tuple[str, str]:
    """The columns of what is true of a row, and of what a run says of it."""
    return ("tokens", "loss") if kind.labelled.is_nothing else ("label", "prediction")


def _classes(run: Run, columns: list[str]) -> list[str]:
    """Those with a column of probabilities; of tags, which have none, what the run wrote down beside."""
    if found := [name.removeprefix(PROBABILITY) for name in columns if name.startswith(PROBABILITY)]:
        return found
    try:
        return [str(name) for name in json.loads((run.path / "labels.json").read_text(encoding="utf-8"))]
    except (OSError, ValueError):
        return []


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
    predictions = predictions_or_reason(run)
    if isinstance(predictions, NoAnswers) or predictions.kind.labelled not in (LabelKind.CLASS, LabelKind.TAGS):
        return None
    true, given = (predictions.names(name) for name in ("label", "prediction"))
    names = sorted(set(pc.unique(true).to_pylist()) | set(pc.unique(given).drop_null().to_pylist()))
    down, across = (pc.index_in(one, value_set=pyarrow.array(names)) for one in (true, given))
    answered = across.is_valid().to_numpy(zero_copy_only=False)
    places = down.to_numpy(zero_copy_only=False)[answered] * len(names)
    places = (places + across.fill_null(0).to_numpy(zero_copy_only=False)[answered]).astype(np.int64)
    counts = np.bincount(places, minlength=len(names) ** 2).reshape(len(names), -1)
    if len(names) <= MOST_CLASSES:
        return Confusion(names, counts)
    wrong = counts.sum(0) + counts.sum(1) - 2 * counts.diagonal()
    kept = np.sort(np.argsort(-wrong, kind="stable")[:MOST_CLASSES])
    return Confusion([names[one] for one in kept], counts[np.ix_(kept, kept)])


def worst_mistakes(run: Run, most: int) -> list[Mistake]:
    """The rows that a run was surest of and wrong, or, of numbers, furthest off; none of other tasks."""
    predictions = predictions_or_reason(run)
    if isinstance(predictions, NoAnswers) or predictions.kind.labelled not in (LabelKind.CLASS, LabelKind.NUMBER):
        return []
    ids, label, given = (predictions.column(name).to_pylist() for name in ("id", "label", "prediction"))
    if predictions.kind.labelled.is_a_number:
        size = np.abs(np.array(given) - np.array(label))
    else:
        wrong = np.array([one != other for one, other in zip(label, given, strict=True)])
        size = wrong.astype(float)
        if shares := [PROBABILITY + name for name in predictions.classes]:
            table = pyarrow.parquet.read_table(run.path / FILE, columns=shares)
            size = np.where(wrong, np.max([column.to_numpy() for column in table.columns], axis=0), 0)
    order = [place for place in np.argsort(-size, kind="stable")[:most] if size[place] > 0]
    return [Mistake(str(ids[one]), _shown(label[one]), _shown(given[one]), float(size[one])) for one in order]


def _shown(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
