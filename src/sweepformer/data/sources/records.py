"""From records of any file or dataset to rows: each text and label checked, and named if it can't be used."""

import math
import sys
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweepformer.data.columns import StringsWriter
from sweepformer.data.labels import LabelLists, Numbers
from sweepformer.data.rows import Rows
from sweepformer.data.sources.places import Place
from sweepformer.data.sources.readers import Record
from sweepformer.data.texts import join_pair, join_words
from sweepformer.errors import UserError, hint, listed
from sweepformer.screen.progress_bar import tqdm

LARGEST = float(np.finfo(np.float32).max)

Transform = Callable[[str], str]


@dataclass(frozen=True)
class Columns:
    """Where in a record the parts of a row stand, and what its label is.

    labelled: as in `tasks.kinds.Kind`; invalid_spans: of tags such as I-X after O, "repair" or "refuse"; lines: holds
    the line of each word, where words have lines of their own: a row then goes by its first word's.
    """

    text: str
    pair: str | None
    label: str
    group: str | None
    labelled: str
    label_separator: str = ","
    invalid_spans: str = "repair"
    lines: str | None = None

    @property
    def read(self) -> dict[str, str]:
        """The columns that are needed, by what they hold."""
        label = None if self.labelled == "nothing" else self.label
        named = {"text": self.text, "pair": self.pair, "label": label, "group": self.group}
        return {role: column for role, column in named.items() if column is not None}

    def check(self, there: Sequence[str], origin: str) -> None:
        """Raises a UserError if one that is needed is not there."""
        for role, column in self.read.items():
            if column not in there:
                raise UserError(
                    f"data.{role}_column={column}: {origin} has no such column. It has: {listed(there)}."
                    + hint(column, there, f"data.{role}_column=")
                )


def collect(records: Iterable[Record], columns: Columns, origin: str, transform: Transform | None) -> Rows:
    """Rows from records, each checked: a text that can be used and a label.

    Raises:
        UserError: naming the row.
    """
    texts, ids = StringsWriter(), StringsWriter()
    labels: Any = array("d") if columns.labelled == "number" else []
    places = []  # of rows whose tags may have to be repaired
    groups = []  # of few kinds: interned, each kind is in memory once
    shown = tqdm(records, f"reading {origin}", unit=" rows", delay=2, leave=False, disable=None)
    for number, (row, record) in enumerate(shown, 1):
        lines = None if columns.lines is None else record[columns.lines]
        place = Place(origin, row, lines)
        texts.append(_text(record, columns, place, transform))
        if columns.labelled != "nothing":
            labels.append(_label(record, columns, place))
        if columns.labelled == "tags":
            places.append(place)
        if columns.group is not None:
            groups.append(sys.intern(_group(record.get(columns.group), str(place), columns.group)))
        ids.append(str(lines[0] if lines else number))
    finished, notes = _finished(labels, places, columns)
    return Rows(
        texts.finish(),
        finished,
        ids.finish(),
        groups if columns.group is not None else None,
        origin,
        pairs=columns.pair is not None,
        notes=notes,
        ids_are="row" if columns.lines is None else "the sentence that begins in line",
    )


def checked_text(value: Any, where: str, column: str | None, transform: Transform | None) -> str:
    """The text as it is trained on; an error names the row. column: where it stands, None if there are no columns."""
    of_column = "" if column is None else f" in column {column!r}"
    if value is None or (isinstance(value, str) and not value.strip()):
        raise UserError(f"{where}: there is no text{of_column}. Fill it in or remove the row.")
    if not isinstance(value, str):
        raise UserError(f"{where}: {type(value).__name__} {value!r:.60}{of_column} is not text.")
    if transform is not None:
        value = transform(value)
        if not isinstance(value, str) or not value.strip():
            raise UserError(f"{where}: data.transform made {value!r:.60} of a text; it must return a text.")
    if "\0" in value:
        raise UserError(f"{where}: the text holds a NUL byte: this is not a text file, or damaged.")
    return _writable(value, f"{where}: the text")


def _text(record: dict[str, Any], columns: Columns, place: Place, transform: Transform | None) -> str:
    value, where = record.get(columns.text), str(place)
    if columns.labelled == "tags":
        return join_words(_words(value, place, columns.text, transform))
    text = checked_text(value, where, columns.text, transform)
    if columns.pair is None:
        return text
    return join_pair(text, checked_text(record.get(columns.pair), where, columns.pair, transform))


def _words(value: Any, place: Place, column: str, transform: Transform | None) -> list[str]:
    if not isinstance(value, list):
        raise UserError(f"{place}: column {column!r} holds {value!r:.60}; words that are tagged come as a list.")
    if not value:
        raise UserError(f"{place}: there is no word in column {column!r}. Fill it in or remove the row.")
    return [checked_text(word, place.of_word(number), column, transform) for number, word in enumerate(value)]


def _label(record: dict[str, Any], columns: Columns, place: Place) -> Any:
    """A row's label as it is trained on: a class, a sorted list of classes, a number, or a tag for each word."""
    value, column, where = record.get(columns.label), columns.label, str(place)
    match columns.labelled:
        case "class":
            return sys.intern(checked_label(value, where, column))
        case "number":
            return checked_number(value, where, column)
        case "classes":
            if isinstance(value, str):
                value = [part for part in value.split(columns.label_separator) if part.strip()]
            return sorted(set(checked_labels(value if value is not None else [], where, column)))
        case "tags":
            tags = checked_labels(value, where, column)
            if len(tags) != len(words := record[columns.text]):
                raise UserError(f"{place}: {len(words)} words and {len(tags)} tags. Every word needs one.")
            return tags
    raise AssertionError(columns.labelled)


def _finished(labels: Any, places: Sequence[Place], columns: Columns) -> tuple[Any, Sequence[str]]:
    """All rows' labels, as `Rows` takes them, and what the user should know of them."""
    match columns.labelled:
        case "nothing":
            return None, ()
        case "number":
            return Numbers(np.array(labels)), ()
        case "classes":
            return LabelLists.of(labels), ()
        case "tags":
            from sweepformer.data.spans import repair_spans  # what it needs loads slowly

            notes = repair_spans(labels, places, columns.invalid_spans == "refuse")
            return LabelLists.of(labels), notes
    return labels, ()


def checked_number(value: Any, where: str, column: str) -> float:
    """A number as it is trained on; an error names the row."""
    try:
        number = math.nan if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not abs(number) <= LARGEST:
        raise UserError(f"{where}: column {column!r} holds {value!r:.60}, which is no finite number of at most 3e38.")
    return number


def checked_labels(value: Any, where: str, column: str) -> list[str]:
    """A list of classes or tags as they are trained on; an error names the row."""
    if not isinstance(value, list):
        raise UserError(f"{where}: column {column!r} holds {value!r:.60}, which is no list.")
    return [sys.intern(checked_label(one, where, column)) for one in value]


def checked_label(value: Any, where: str, column: str | None) -> str:
    """A class or tag as it is trained on; an error names the row."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict | list):
        raise UserError(f"{where}: column {column!r} holds {value!r:.60}; a label is one word or number.")
    label = "" if value is None or value != value else str(value).strip()
    if not label:
        raise UserError(f"{where}: there is no label in column {column!r}. Fill it in or remove the row.")
    return _writable(label, f"{where}: the label")


def _group(value: Any, where: str, column: str) -> str:
    if value is None or value != value or not str(value).strip():
        raise UserError(f"{where}: there is no group in column {column!r}. Fill it in or remove the row.")
    return _writable(str(value), f"{where}: the group")


def _writable(text: str, what: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(f"{what} holds half of a surrogate pair, which is no character.") from None
    return text
