"""From records of any file or dataset to rows: each text and label checked, and told of if it can't be used."""

import sys
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sweepformer.config.kinds import LabelKind
from sweepformer.data.cells import CellError, Transform, as_list, checked_group, checked_text, is_blank, spelled
from sweepformer.data.columns import StringsWriter
from sweepformer.data.complaints import Complaints
from sweepformer.data.label_kinds import LABELLINGS
from sweepformer.data.reading.form import seems_to_lack_header
from sweepformer.data.reading.table import Broken, Record, Table
from sweepformer.data.rows import Rows
from sweepformer.data.sources.places import Place
from sweepformer.data.texts import join_pair, join_words
from sweepformer.errors import UserError, hint, listed
from sweepformer.screen.progress_bar import tqdm

PLACES = "places"  # the field of a record of words that says where each of them stands


@dataclass(frozen=True, repr=False)
class Columns:
    """Where in a record the parts of a row stand, and what its label is.

    label: of several columns each is a class, and holds whether a row has it; labelled: the name of a `LabelKind`;
    invalid_spans: of tags such as I-X after O, "repair" or "refuse"; blank: what becomes of a row, or a tagged word,
    that lacks something, "refuse" or "drop"; sentence: holds what the words of a sentence share, where a record is a
    word; unit: what a word's place is called, "line" or "row".
    """

    text: str
    pair: str | None
    label: str | tuple[str, ...]
    group: str | None
    labelled: str
    label_separator: str = ","
    invalid_spans: str = "repair"
    blank: str = "refuse"
    sentence: str | None = None
    unit: str = "row"

    def __repr__(self) -> str:
        """As data is fingerprinted by it: runs are resumed by later versions, so what is as usual isn't named."""
        first = ("text", "pair", "label", "group", "labelled", "label_separator", "invalid_spans")
        named = {name: getattr(self, name) for name in first} | {"lines": "lines" if self.unit == "line" else None}
        later = {"blank": "refuse", "sentence": None}
        named |= {name: getattr(self, name) for name, usual in later.items() if getattr(self, name) != usual}
        return f"Columns({', '.join(f'{name}={value!r}' for name, value in named.items())})"

    @property
    def kind(self) -> LabelKind:
        """Of label."""
        return LabelKind(self.labelled)

    @property
    def texts(self) -> list[str]:
        """The columns of a row's texts."""
        return [self.text] if self.pair is None else [self.text, self.pair]

    @property
    def labels(self) -> list[str]:
        """The columns of a row's label: none where there is nothing to learn but texts."""
        if self.kind.is_nothing:
            return []
        return [self.label] if isinstance(self.label, str) else list(self.label)

    @property
    def read(self) -> list[tuple[str, str]]:
        """What is needed, and the column that holds it."""
        named = [("text", self.text), ("pair", self.pair), *(("label", name) for name in self.labels)]
        named += [("group", self.group), ("sentence", self.sentence)]
        return [(role, column) for role, column in named if column is not None]

    @property
    def ids_are(self) -> str:
        """What a row's id is."""
        by_words = self.sentence is not None or self.unit == "line"
        return f"the sentence that begins in {self.unit}" if by_words else "row"

    def found_in(self, there: Sequence[str]) -> "Columns":
        """The same, with the label's columns taken apart where they were given as one text, `a,b,c`."""
        if not isinstance(self.label, str) or self.label in there or "," not in self.label:
            return self
        parts = tuple(part.strip() for part in self.label.split(","))
        return replace(self, label=parts) if set(parts) <= set(there) else self

    def check(self, there: Sequence[str], origin: str, advice: Callable[[], str] = str) -> None:
        """Raises a UserError if one that is needed is not there. advice: what else to say then."""
        for role, column in self.read:
            if column not in there:
                raise UserError(
                    f"data.{role}_column={column}: {origin} has no such column. It has: {listed(there)}."
                    + hint(column, there, f"data.{role}_column=")
                    + advice()
                )
        if len(self.labels) > 1 and not self.kind.is_a_set:
            raise UserError(
                f"data.label_column=[{listed(self.labels)}]: several columns are a class each, which a row may have "
                f"several of: choose task=multilabel, or one column for {self.kind.in_words}."
            )

    def label_of(self, record: dict[str, Any], where: str) -> Any:
        """What stands for a record's label."""
        if isinstance(self.label, str):
            return record.get(self.label)
        return [name for name in self.label if _is_one(record.get(name), where, name)]


def several(column: str | int | Sequence[str | int]) -> str | tuple[str, ...]:
    """A column or several, as a config gives them: by name or number."""
    return str(column) if isinstance(column, str | int) else tuple(map(str, column))


def _is_one(value: Any, where: str, column: str) -> bool:
    said = "" if is_blank(value) else spelled(value)
    if said not in ("0", "1", "false", "true"):
        raise CellError(
            f"{where}: column {column!r} holds {value!r:.60}; of several data.label_column each holds 0 or 1.", "0 or 1"
        )
    return said in ("1", "true")


def advice_for(table: Table) -> str:
    """What may be wrong with a table that lacks a column."""
    if table.columns == ["text"]:
        return " Its rows are texts alone: task=masked_lm and task=language_modeling need no more."
    if table.form.header and seems_to_lack_header([table.header, *table.first_rows()]):
        return " There seems to be no header: give data.header=false and columns by number, such as data.text_column=2."
    return ""


class Builder:
    """Rows, as they are read. dropped: those that were left out, by what they lack."""

    def __init__(self, columns: Columns, origin: str, transform: Transform | None) -> None:
        self.columns, self.origin, self.transform, self.kind = columns, origin, transform, columns.kind
        column = columns.label if isinstance(columns.label, str) else ", ".join(columns.label)
        refuse = columns.invalid_spans == "refuse"
        self.labels = LABELLINGS[columns.kind](column, columns.label_separator, refuse)
        self.texts, self.ids = StringsWriter(), StringsWriter()
        self.groups: list[str] = []  # of few kinds: interned, each kind is in memory once
        self.dropped: Counter[str] = Counter()

    def row_of(self, record: Record) -> tuple[str, Any, Place | str]:
        """A record's text and label, and where it stands; a CellError if something of it can't be used."""
        columns, fields, where = self.columns, record.fields, f"{self.origin}, {record.where}"
        label = None if self.kind.is_nothing else columns.label_of(fields, where)
        if self.kind.is_of_words:
            place = Place(self.origin, record.where, fields.get(PLACES), columns.unit)
            words, label, place = self._words(fields.get(columns.text), label, place)
            return join_words(words), self.labels.of_row(label, place, words), place
        text = checked_text(fields.get(columns.text), where, columns.text, self.transform)
        if columns.pair is not None:
            pair = checked_text(fields.get(columns.pair), where, columns.pair, self.transform)
            text = join_pair(text, pair)
        return text, self.labels.of_row(label, where), where

    def add(self, number: int, record: Record) -> None:
        """Raises a CellError if something of the row can't be used, and nothing of it is kept then."""
        text, label, place = self.row_of(record)
        if self.columns.group is not None:
            group = record.fields.get(self.columns.group)
            self.groups.append(sys.intern(checked_group(group, str(place), self.columns.group)))
        self.texts.append(text)
        self.labels.add(label, place)
        self.ids.append(str(number if isinstance(place, str) or place.lines is None else place.lines[0]))

    def _words(self, value: Any, tags: Any, place: Place) -> tuple[list[str], Any, Place]:
        column = self.columns.text
        value, tags = ((one.split() if isinstance(one, str) else one) for one in map(as_list, (value, tags)))
        if not isinstance(value, list):
            raise CellError(
                f"{place}: column {column!r} holds {value!r:.60}; words that are tagged come as a list.", "list"
            )
        if self.columns.blank == "drop" and isinstance(tags, list) and len(tags) == len(value):
            kept = [number for number, word in enumerate(value) if not is_blank(word)]
            self.dropped["words that are blank"] += len(value) - len(kept)
            value, tags = [value[number] for number in kept], [tags[number] for number in kept]
            if place.lines is not None:
                place = replace(place, lines=[place.lines[number] for number in kept])
        if not value:
            raise CellError(
                f"{place}: there is no word in column {column!r}. Fill it in or remove the row; data.blank=drop leaves "
                "such rows out.",
                "no word",
                blank="word",
            )
        words = [checked_text(word, place.of_word(n), column, self.transform) for n, word in enumerate(value)]
        return words, tags, place

    def finish(self, account: str) -> Rows:
        labels, columns = self.labels.finish(), self.columns
        rows = Rows(
            self.texts.finish(),
            labels,
            self.ids.finish(),
            self.groups if columns.group is not None else None,
            self.origin,
            pairs=columns.pair is not None,
            notes=self.labels.notes,
            ids_are=columns.ids_are,
        )
        rows.account = account
        return rows


def collect(
    records: Iterable[Record | Broken], columns: Columns, origin: str, transform: Transform | None, form: str = ""
) -> Rows:
    """Rows from records, each checked: a text that can be used and a label.

    Args:
        origin: where they come from, for messages; form: what that is.

    Raises:
        UserError: naming the first rows that can't be used, of each kind of mistake, and how many there are.
    """
    rows, complaints = Builder(columns, origin, transform), Complaints()
    found = 0
    if columns.sentence is not None:
        records = sentences(records, columns)
    for record in tqdm(records, f"reading {origin}", unit=" rows", delay=2, leave=False, disable=None):
        found += 1
        if isinstance(record, Broken):
            complaints.add(record.kind, record.where, f"{origin}, {record.where}: {record.message}")
            continue
        try:
            rows.add(found, record)
        except CellError as error:
            if error.blank and columns.blank == "drop":
                rows.dropped[f"without a {error.blank}"] += 1
            else:
                complaints.add(error.kind, record.where, str(error))
    complaints.tell()
    what = "sentences" if columns.kind.is_of_words else "rows"
    account = f"{origin}{f' ({form})' if form else ''}: {found:,} {what}"
    if dropped := {reason: count for reason, count in rows.dropped.items() if count}:
        account += "; left out: " + ", ".join(f"{count:,} {reason}" for reason, count in dropped.items())
    return rows.finish(account)


def sentences(records: Iterable[Record | Broken], columns: Columns) -> Iterator[Record | Broken]:
    """Records of words, put together by what stands in the sentence's column: in each of them, or in the first."""
    assert columns.sentence is not None
    now: Any = None
    words: list[Any] = []
    tags: list[Any] = []
    places = array("q")
    for number, record in enumerate(records, 1):
        if isinstance(record, Broken):
            yield record
            continue
        sentence = record.fields.get(columns.sentence)
        if not is_blank(sentence) and sentence != now:
            if words:
                yield _sentence(words, tags, places, columns)
            now, words, tags, places = sentence, [], [], array("q")
        words.append(record.fields.get(columns.text))
        tags.append(record.fields.get(columns.labels[0]) if columns.labels else None)
        places.append(number)
    if words:
        yield _sentence(words, tags, places, columns)


def _sentence(words: list[Any], tags: list[Any], places: Sequence[int], columns: Columns) -> Record:
    fields = {columns.text: words, PLACES: places}
    return Record(f"row {places[0]}", fields | dict.fromkeys(columns.labels, tags))
