"""Tables of rows on disk: read some rows at a time, and written again with more columns, in the same form."""

import gzip
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from sweepformer.data.sources.readers import (
    FORMATS,
    LINE,
    STANDARD_INPUT,
    Record,
    check_file,
    ending_of,
    numbered_lines,
    read_records,
)
from sweepformer.errors import UserError
from sweepformer.files.delimited import delimited

KEY = "INPUT"  # what messages call the file


class Chunk(NamedTuple):
    """Some rows of a table. records: those columns at least that were asked for; places: where each row stands, for
    messages; source: the rows as their writer wants them.
    """

    records: list[dict[str, Any]]
    places: list[str]
    source: Any


class Table(ABC):
    """A file of rows. columns: their names; rows: how many there are, None if that isn't known."""

    columns: list[str]
    rows: int | None = None

    @abstractmethod
    def chunks(self, size: int, wanted: Sequence[str], done: int) -> Iterator[Chunk]:
        """All rows but the first `done` ones, up to `size` at a time; the same chunks each time.

        wanted: the columns that records need to have.
        """


class TextTable(Table, ABC):
    """A table that is a text, and can be written by appending to it."""

    def __init__(self, path: Path, ending: str) -> None:
        self.path = path
        self.columns, self._records = self._open(ending)
        self.rows = _about_rows(path, ending)

    def _open(self, ending: str) -> tuple[list[str], Iterator[Record]]:
        return read_records(self.path, KEY, ending)

    def chunks(self, size: int, wanted: Sequence[str], done: int) -> Iterator[Chunk]:
        records = islice(self._records, done, None)
        while some := list(islice(records, size)):
            rows = [record for _, record in some]
            yield Chunk(rows, [place for place, _ in some], rows)

    @abstractmethod
    def written(self, rows: list[dict[str, Any]], added: dict[str, list[Any]]) -> str:
        """Rows with columns added to them, as a text that ends in a line's end."""

    def head(self, added: Sequence[str]) -> str:
        """What stands before the first row."""
        return ""


class Delimited(TextTable):
    """CSV or TSV. Lists of classes are written with `list_separator` between them, other lists as JSON."""

    def __init__(self, path: Path, ending: str, list_separator: str | None = None) -> None:
        super().__init__(path, ending)
        self.delimiter, self.list_separator = "," if ending == ".csv" else "\t", list_separator

    def head(self, added: Sequence[str]) -> str:
        return delimited([[*self.columns, *added]], self.delimiter)

    def written(self, rows: list[dict[str, Any]], added: dict[str, list[Any]]) -> str:
        cells = zip(*(map(self._cell, column) for column in added.values()), strict=True)
        pairs = zip(rows, cells, strict=True)
        return delimited(([*(row[name] for name in self.columns), *new] for row, new in pairs), self.delimiter)

    def _cell(self, value: Any) -> Any:
        if isinstance(value, list):
            if self.list_separator is not None:
                return self.list_separator.join(value)
            return json.dumps(value, ensure_ascii=False)
        return "" if value is None else value


class Lines(Delimited):
    """Plain text, a text a line, blank ones too; written as TSV."""

    def _open(self, ending: str) -> tuple[list[str], Iterator[Record]]:
        check_file(self.path, KEY)
        lines = numbered_lines(self.path, KEY)
        return [LINE], ((f"line {number}", {LINE: line.strip()}) for number, line in lines)


class JsonLines(TextTable):
    """An object a line."""

    def written(self, rows: list[dict[str, Any]], added: dict[str, list[Any]]) -> str:
        lines = []
        for row, values in zip(rows, zip(*added.values(), strict=True), strict=True):
            if taken := added.keys() & row.keys():
                raise UserError(f"{KEY}: {self.path}: a line has a field {min(taken)!r} already: give --prefix.")
            new = dict(zip(added, values, strict=True))
            lines.append(json.dumps({**row, **new}, ensure_ascii=False) + "\n")
        # Half of a surrogate pair, which UTF-8 has no bytes for, is written as JSON has it: \ud83d.
        return "".join(lines).encode(errors="backslashreplace").decode()


class ParquetTable(Table):
    """A Parquet file; the types of its columns are kept."""

    ending: ClassVar[str] = ".parquet"

    def __init__(self, path: Path) -> None:
        self.columns, _ = read_records(path, KEY, self.ending)  # says what is wrong with it
        import pyarrow.parquet

        self.path = path
        self._file = pyarrow.parquet.ParquetFile(path)
        self.rows = self._file.metadata.num_rows

    def chunks(self, size: int, wanted: Sequence[str], done: int) -> Iterator[Chunk]:
        import pyarrow

        read = 0
        try:
            for batch in self._file.iter_batches(batch_size=size):
                places = [f"row {number}" for number in range(read + 1, read + len(batch) + 1)]
                read += len(batch)
                if read > done and len(batch):
                    yield Chunk(batch.select(list(wanted)).to_pylist(), places, batch)
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            raise UserError(f"{KEY}: {self.path} is damaged after row {read} ({error}).") from error


def open_table(path: Path, ending: str | None, list_separator: str | None) -> Table:
    """The table of a file, or of standard input.

    Args:
        ending: what tells the form; None: that of the file.
        list_separator: as `Delimited`.

    Raises:
        UserError: there is none, or it is of no known form.
    """
    if path.is_dir():
        raise UserError(f"{KEY}: {path} is a folder: name a file.")
    check_file(path, KEY)
    ending = ending or ending_of(path)
    if ending == ParquetTable.ending and path != STANDARD_INPUT:
        return ParquetTable(path)
    if ending in (".csv", ".tsv"):
        return Delimited(path, ending, list_separator)
    if ending == ".txt":
        return Lines(path, ending, list_separator)
    if ending in (".jsonl", ".ndjson"):
        return JsonLines(path, ending)
    what = "standard input" if path == STANDARD_INPUT else str(path)
    raise UserError(
        f"{KEY}: {what} is of no form that can be read here: {', '.join(FORMATS)}, all but Parquet also .gz."
    )


def plain_column(values: Any) -> list[Any]:
    """A column as Python's own numbers and strings: float32 with the seven digits that it has, NaN as None."""
    if not isinstance(values, np.ndarray):
        return list(values)
    numbers = values.tolist()
    if values.dtype == np.float32:
        numbers = [float(f"{number:.7g}") for number in numbers]
    return [None if number != number else number for number in numbers]


def _about_rows(path: Path, ending: str) -> int | None:
    """How many rows a text has, about: for a progress bar. None: that would take too long to know."""
    if path == STANDARD_INPUT or path.suffix.lower() == ".gz":
        return None
    with path.open("rb") as file:
        ends = sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
    return ends - (ending in (".csv", ".tsv"))


def compressed(text: str, path: Path) -> bytes:
    """The text as it is appended to a file of this name: if that is .gz, as one more member of it."""
    raw = text.encode()
    return gzip.compress(raw, mtime=0) if path.suffix.lower() == ".gz" else raw
