"""Tables of rows, read some at a time, and written again with more columns."""

import gzip
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sweepformer.data.reading import form
from sweepformer.data.reading.lines import LABEL, TEXT
from sweepformer.data.reading.opening import STANDARD_INPUT
from sweepformer.data.reading.parquet import Parquet
from sweepformer.data.reading.table import Broken, Record
from sweepformer.data.reading.table import Table as Read
from sweepformer.errors import UserError
from sweepformer.files.delimited import delimited

KEY = "INPUT"  # what messages call the file
PARQUET = ".parquet"
HIDDEN = ("columns", "kept", "places")  # fields of a sentence that are written in no object
KEPT = "kept"  # the field of a sentence that says which of its words are asked about
OF_THEIR_OWN = (form.LINES, form.FASTTEXT, form.FASTA)  # formats that name their columns
FLAT = (".csv", ".tsv", ".jsonl")


class Chunk(NamedTuple):
    """Some rows of a table. records: those columns at least that were asked for; places: where each row stands, for
    messages; source: the rows as their writer wants them.
    """

    records: list[dict[str, Any]]
    places: list[str]
    source: Any


class Table(ABC):
    """Rows of whatever can be read. columns: their names; rows: how many there are, None if that isn't known; endings:
    of the files that they can be written to, the usual one first; own_names: of text and label, where the form of what
    is read names its columns, None where whoever made it did.
    """

    columns: list[str]
    rows: int | None = None
    endings: tuple[str, ...] = FLAT
    own_names: tuple[str, str | None] | None = None

    @abstractmethod
    def chunks(self, size: int, wanted: Sequence[str], done: int) -> Iterator[Chunk]:
        """All rows but the first `done` ones, up to `size` at a time; the same chunks each time.

        wanted: the columns that records need to have.
        """


class RecordTable(Table):
    """Records, whatever they were read from.

    Args:
        columns: as `Table`.
        records: makes all of them, once.
        name: what they are read from, for messages.
        rows, endings: as `Table`.
        separator: of the columns where they are written as .csv.
        own_names: as `Table`.
    """

    def __init__(
        self,
        columns: Sequence[str],
        records: Callable[[], Iterator[Record | Broken]],
        name: str,
        rows: int | None = None,
        endings: tuple[str, ...] = FLAT,
        separator: str = ",",
        own_names: tuple[str, str | None] | None = None,
    ) -> None:
        self.columns, self._records, self._name = list(columns), records, name
        self.rows, self.endings, self.separator, self.own_names = rows, endings, separator, own_names

    def chunks(self, size: int, wanted: Sequence[str], done: int) -> Iterator[Chunk]:
        records = islice(self._records(), done, None)
        while some := list(islice(records, size)):
            for one in some:
                if isinstance(one, Broken):
                    raise UserError(f"{self._name}, {one.where}: {one.message}")
            rows = [one.fields for one in some if isinstance(one, Record)]
            yield Chunk(rows, [one.where for one in some], rows)


class ParquetTable(Table):
    """A Parquet file; the types of its columns are kept."""

    endings = (PARQUET,)

    def __init__(self, read: Parquet) -> None:
        self._read, self.columns, self.rows = read, read.columns, read.parquet.metadata.num_rows

    def chunks(self, size: int, wanted: Sequence[str], done: int) -> Iterator[Chunk]:
        number = 0
        for batch in self._read.batches(size):
            places = [f"row {place}" for place in range(number + 1, number + len(batch) + 1)]
            number += len(batch)
            if number > done and len(batch):
                yield Chunk(self._read.as_records(batch, wanted), places, batch)


def as_table(read: Read) -> Table:
    """What was opened, as rows to be answered for."""
    if isinstance(read, Parquet):
        return ParquetTable(read)
    ending = read.file.ending
    own: tuple[str, ...] = FLAT
    if read.form.format in (form.JSON_LINES, form.JSON):
        own = (".jsonl", ".ndjson")
        own = own[::-1] if ending == ".ndjson" else own
    elif read.form.format == form.LINES:
        own = (".tsv", ".txt", ".csv", ".jsonl")
    elif read.form.format == form.DELIMITED:
        own = (*dict.fromkeys((ending or ".csv", *FLAT)),)
    separator = read.form.separator if read.form.separator != "\t" else ","
    names = (TEXT, LABEL if LABEL in read.columns else None) if read.form.format in OF_THEIR_OWN else None
    return RecordTable(read.columns, read.records, read.file.name, _about_rows(read), own, separator, names)


class Writer(ABC):
    """Writes rows with columns added to them, as text that can be appended to."""

    def head(self, added: Sequence[str]) -> str:
        """What stands before the first row."""
        return ""

    @abstractmethod
    def written(self, rows: list[dict[str, Any]], added: dict[str, list[Any]]) -> str:
        """Rows, as a text that ends in a line's end."""


class DelimitedWriter(Writer):
    """CSV or TSV. Lists of classes are written with `list_separator` between them, other lists as JSON."""

    def __init__(self, columns: Sequence[str], delimiter: str, list_separator: str | None = None) -> None:
        self.columns, self.delimiter, self.list_separator = columns, delimiter, list_separator

    def head(self, added: Sequence[str]) -> str:
        return delimited([[*self.columns, *added]], self.delimiter)

    def written(self, rows: list[dict[str, Any]], added: dict[str, list[Any]]) -> str:
        cells = zip(*(map(self._cell, column) for column in added.values()), strict=True)
        pairs = zip(rows, cells, strict=True)
        given = ([*(self._cell(row[name]) for name in self.columns), *new] for row, new in pairs)
        return delimited(given, self.delimiter)

    def _cell(self, value: Any) -> Any:
        if isinstance(value, list):
            if self.list_separator is not None and all(isinstance(one, str) for one in value):
                return self.list_separator.join(value)
            return json.dumps(value, ensure_ascii=False)
        return "" if value is None else value


class JsonLinesWriter(Writer):
    """An object a line."""

    def written(self, rows: list[dict[str, Any]], added: dict[str, list[Any]]) -> str:
        lines = []
        for row, values in zip(rows, zip(*added.values(), strict=True), strict=True):
            if taken := added.keys() & row.keys():
                raise UserError(f"{KEY}: a row has a field {min(taken)!r} already: give --prefix.")
            new = dict(zip(added, values, strict=True))
            given = {name: one for name, one in row.items() if name not in HIDDEN}
            lines.append(json.dumps(given | new, ensure_ascii=False) + "\n")
        # Half of a surrogate pair, which UTF-8 has no bytes for, is written as JSON has it: \ud83d.
        return "".join(lines).encode(errors="backslashreplace").decode()


class ConllWriter(Writer):
    """A line a word with its columns, and behind them its predicted tag, or _ where there is none."""

    def written(self, rows: list[dict[str, Any]], added: dict[str, list[Any]]) -> str:
        (predicted,) = (tags for name, tags in added.items() if name.endswith("prediction"))
        sentences = []
        for row, tags in zip(rows, predicted, strict=True):
            of_words = dict(zip(row[KEPT], tags or [], strict=False))
            lines = ("\t".join([*columns, of_words.get(n) or "_"]) for n, columns in enumerate(row["columns"]))
            sentences.append("".join(f"{line}\n" for line in lines))
        return "\n".join([*sentences, ""])


def writer_of(table: Table, ending: str | None, list_separator: str | None) -> Writer | None:
    """Who writes a table's rows; None: as Parquet.

    ending: of the file that is written, None for the screen.
    """
    ending = ending or table.endings[0]
    if not isinstance(table, RecordTable):
        return None
    if ending in (".jsonl", ".ndjson"):
        return JsonLinesWriter()
    if ending not in FLAT and "columns" in table.columns and "tokens" in table.columns:
        return ConllWriter()
    tabs = ending in (".tsv", ".tab") or (ending == ".txt" and table.endings[0] == ".tsv")
    return DelimitedWriter(table.columns, "\t" if tabs else table.separator, list_separator)


def plain_column(values: Any) -> list[Any]:
    """A column as Python's own numbers and strings: float32 with the seven digits that it has, NaN as None."""
    if not isinstance(values, np.ndarray):
        return list(values)
    numbers = values.tolist()
    if values.dtype == np.float32:
        numbers = [float(f"{number:.7g}") for number in numbers]
    return [None if number != number else number for number in numbers]


def _about_rows(read: Read) -> int | None:
    """How many rows a text has, about: for a progress bar. None: that would take too long to know."""
    if (
        read.file.path == STANDARD_INPUT
        or read.file.packing
        or read.form.format
        not in (
            form.DELIMITED,
            form.LINES,
            form.JSON_LINES,
        )
    ):
        return None
    with read.file.path.open("rb") as file:
        ends = sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
    return ends - (read.form.format == form.DELIMITED and read.form.header)


def ending_of(path: Path) -> str:
    """What tells the form of a file to be written, in lower case and without ".gz"."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return suffixes[-2] if len(suffixes) > 1 and suffixes[-1] == ".gz" else (suffixes or [""])[-1]


def compressed(text: str, path: Path) -> bytes:
    """The text as it is appended to a file of this name: if that is .gz, as one more member of it."""
    raw = text.encode()
    return gzip.compress(raw, mtime=0) if path.suffix.lower() == ".gz" else raw
