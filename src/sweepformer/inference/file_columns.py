"""Which columns of a file are read, and which are added to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sweepformer.data.cells import is_blank
from sweepformer.data.label_kinds import LABELLINGS
from sweepformer.data.sources.records import Columns, several
from sweepformer.errors import UserError, hint, listed
from sweepformer.inference.inputs import Way, open_input
from sweepformer.inference.predictor import Predictor, described_spans
from sweepformer.inference.tables import KEY, Chunk, Table
from sweepformer.tasks.answers import PROBABILITY


@dataclass(frozen=True)
class Named:
    """Columns that were named by whoever asks; None: those that the run was trained with."""

    text: str | None = None
    pair: str | None = None
    label: str | None = None


@dataclass(frozen=True)
class ReadColumns:
    """columns: of a row's texts and label; labelled: whether there is a label; separator: between the classes of a row
    where they stand in one text.
    """

    columns: Columns
    labelled: bool

    @property
    def names(self) -> list[str]:
        """All of them, none twice."""
        return list(dict.fromkeys([*self.columns.texts, *(self.columns.labels if self.labelled else [])]))

    @property
    def about(self) -> dict[str, Any]:
        """Plain, as it is kept beside a file that is being written."""
        texts, label = self.columns.texts, self.columns.labels if self.labelled else []
        return {"texts": texts, "label": label, "separator": self.columns.label_separator}

    def row(self, record: dict[str, Any]) -> Any:
        """What a run is asked about; None if there is no text."""
        parts = [record.get(name) for name in self.columns.texts]
        if any(is_blank(part) or part == [] for part in parts):
            return None
        return parts[0] if self.columns.pair is None else tuple(parts)


def open_for(run: Predictor, path: Path, named: Named, way: Way) -> tuple[Table, ReadColumns]:
    """What a run is to answer for, and its columns: those that are named, or else those of the run's training.

    Raises:
        UserError: it can't be read, or lacks a column.
    """
    data, tagged = run.config["data"], run.kind.labelled.is_of_words
    columns = Columns(
        str(named.text or data.get("text_column") or ("tokens" if tagged else "text")),
        str(named.pair or data.get("pair_column") or "pair") if run.texts.pairs else None,
        several(named.label or data.get("label_column") or ("tags" if tagged else "label")),
        None,
        run.kind.labelled.value,
        data.get("label_separator") or ",",
        sentence=data.get("sentence_column"),
    )
    table = open_input(data, columns, path, way)
    if table.own_names is not None:
        text, label = table.own_names
        columns = replace(columns, text=text, label=label or columns.label)
    columns = columns.found_in(table.columns)
    asked = [("text", columns.text), ("pair", columns.pair)]
    asked += [("label", name) for name in columns.labels if named.label]
    for option, column in asked:
        if column is not None and column not in table.columns:
            raise UserError(
                f"{KEY}: {path} has no column {column!r}. It has: {listed(table.columns)}."
                f"{hint(column, table.columns)} Name the right one with --{option}-column."
            )
    return table, ReadColumns(columns, bool(columns.labels) and set(columns.labels) <= set(table.columns))


class AddedColumns:
    """What is written beside a row: `prediction`, and of classes `probability_<class>`; of tags that mark them `spans`;
    of language models `loss`, `perplexity` and `tokens`. Nothing stands there for a row without a text.

    Args:
        run: who answers.
        probabilities: those of all classes too.
        prefix: of the names.
    """

    def __init__(self, run: Predictor, probabilities: bool, prefix: str) -> None:
        self.prefix = prefix
        types = run.column_types.items()
        self._types = {name: one for name, one in types if probabilities or not name.startswith(PROBABILITY)}
        self.names = [f"{prefix}{name}" for name in self._types]

    def check(self, there: Sequence[str], path: Path) -> None:
        """Raises a UserError if the table has a column of the same name."""
        taken = [name for name in self.names if name in there]
        if taken:
            raise UserError(
                f"{KEY}: {path} has a column {taken[0]!r} already. Give --prefix, such as --prefix new_, for the names "
                "of those that are added."
            )

    def values(
        self, answers: dict[str, Any], written: Sequence[str], present: Sequence[int], rows: int
    ) -> dict[str, Any]:
        """Columns by their full names, each with an item for every row.

        answers: as `Predictor.answer` gives them, for the texts `written`, which stand in the rows `present`.
        """
        if "spans" in self._types:
            spans = [described_spans(tags, text) for tags, text in zip(answers["prediction"], written, strict=True)]
            answers = {**answers, "spans": spans}
        given = {name: answers.get(name, []) for name in self._types}
        return {f"{self.prefix}{name}": _spread(values, present, rows) for name, values in given.items()}

    def arrow_types(self) -> dict[str, Any]:
        """By their full names."""
        import pyarrow

        span = pyarrow.struct(
            {"type": pyarrow.string(), "start": pyarrow.int64(), "end": pyarrow.int64(), "text": pyarrow.string()}
        )
        known = {
            "string": pyarrow.string(),
            "strings": pyarrow.list_(pyarrow.string()),
            "spans": pyarrow.list_(span),
            "float32": pyarrow.float32(),
            "float64": pyarrow.float64(),
            "int64": pyarrow.int64(),
        }
        return {f"{self.prefix}{name}": known[kind] for name, kind in self._types.items()}


def texts_of(run: Predictor, chunk: Chunk, columns: ReadColumns, path: Path) -> tuple[list[str], list[int]]:
    """The texts of a chunk as the tokenizer is given them, and the rows that have one.

    Raises:
        UserError: a text can't be read; naming its place.
    """
    written, present = [], []
    for number, (record, place) in enumerate(zip(chunk.records, chunk.places, strict=True)):
        row = columns.row(record)
        if row is not None:
            written.append(run.texts.of(row, f"{KEY}: {path}, {place}"))
            present.append(number)
    return written, present


def labels_of(run: Predictor, chunk: Chunk, columns: ReadColumns, of: str) -> list[Any]:
    """The labels of a chunk, as the run's kind of label is read; None where there is none.

    Args:
        of: whose rows these are, for messages.

    Raises:
        UserError: one can't be a label of the run's task; naming its place.
    """
    labelling = LABELLINGS[run.kind.labelled](", ".join(columns.columns.labels), columns.columns.label_separator)

    def label(record: dict[str, Any], place: str) -> Any:
        cell = columns.columns.label_of(record, f"{of}, {place}")
        return None if is_blank(cell) else labelling.read(cell, f"{of}, {place}")

    return [label(record, place) for record, place in zip(chunk.records, chunk.places, strict=True)]


def _spread(values: Any, present: Sequence[int], rows: int) -> Any:
    """A column for all rows, from one for those that are present: NaN or None for the others."""
    if len(present) == rows:
        return values
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        column = np.full(rows, np.nan, dtype=values.dtype)
        column[list(present)] = values
        return column
    spread: list[Any] = [None] * rows
    for place, value in zip(present, values, strict=True):
        spread[place] = value.item() if isinstance(value, np.generic) else value
    return spread
