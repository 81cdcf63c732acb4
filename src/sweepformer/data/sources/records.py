"""From records of any file or dataset to rows: each text and label checked, and named if it can't be used."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sweepformer.config.kinds import LabelKind
from sweepformer.data.cells import Transform, checked_group, checked_text
from sweepformer.data.columns import StringsWriter
from sweepformer.data.label_kinds import LABELLINGS
from sweepformer.data.rows import Rows
from sweepformer.data.sources.places import Place
from sweepformer.data.sources.readers import Record
from sweepformer.data.texts import join_pair, join_words
from sweepformer.errors import UserError, hint, listed
from sweepformer.screen.progress_bar import tqdm


@dataclass(frozen=True)
class Columns:
    """Where in a record the parts of a row stand, and what its label is.

    labelled: the name of a `LabelKind`; invalid_spans: of tags such as I-X after O, "repair" or "refuse"; lines: holds
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
    def kind(self) -> LabelKind:
        """Of label."""
        return LabelKind(self.labelled)

    @property
    def read(self) -> dict[str, str]:
        """The columns that are needed, by what they hold."""
        label = None if self.kind.is_nothing else self.label
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
    labels = LABELLINGS[columns.kind](columns.label, columns.label_separator, columns.invalid_spans == "refuse")
    groups = []  # of few kinds: interned, each kind is in memory once
    shown = tqdm(records, f"reading {origin}", unit=" rows", delay=2, leave=False, disable=None)
    for number, (row, record) in enumerate(shown, 1):
        lines = None if columns.lines is None else record[columns.lines]
        place = Place(origin, row, lines)
        texts.append(_text(record, columns, place, transform))
        labels.add(record, place, record.get(columns.text))
        if columns.group is not None:
            groups.append(sys.intern(checked_group(record.get(columns.group), str(place), columns.group)))
        ids.append(str(lines[0] if lines else number))
    return Rows(
        texts.finish(),
        labels.finish(),
        ids.finish(),
        groups if columns.group is not None else None,
        origin,
        pairs=columns.pair is not None,
        notes=labels.notes,
        ids_are="row" if columns.lines is None else "the sentence that begins in line",
    )


def _text(record: dict[str, Any], columns: Columns, place: Place, transform: Transform | None) -> str:
    value, where = record.get(columns.text), str(place)
    if columns.kind.is_of_words:
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
