"""Records of a local file, whatever its format: CSV, TSV, JSON lines, Parquet or plain text, gzipped or not."""

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from sweepformer.errors import UserError, listed

FORMATS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".txt")
LINE = "text"  # the one column of a plain text
STANDARD_INPUT = Path("-")

Record = tuple[str, dict[str, Any]]  # where it stands ("row 3" or "line 7"), its fields


def read_records(path: Path, key: str, ending: str | None = None) -> tuple[list[str], Iterator[Record]]:
    """Column names and records of a file.

    Args:
        path: the file, or `STANDARD_INPUT`, which is read once.
        key: the config key that named it, for messages.
        ending: what tells the format; None: that of the file.

    Raises:
        UserError: here or while iterating, naming key, file and row.
    """
    check_file(path, key)
    ending = ending or ending_of(path)
    if ending not in FORMATS:
        raise UserError(
            f"{key}: {path} has an unknown ending; known are {', '.join(FORMATS)}, each also with .gz. "
            "Columns of words and tags are read by data=conll."
        )
    if ending == ".parquet":
        if path.suffix.lower() == ".gz":
            raise UserError(
                f"{key}: {path} is gzipped Parquet, which packs its columns itself: unpack it first (gunzip)."
            )
        return _read_parquet(path, key)
    if ending in (".csv", ".tsv"):
        return _read_delimited(path, key, "\t" if ending == ".tsv" else ",")
    if ending == ".txt":
        return [LINE], ((where, {LINE: line.strip()}) for where, line in _lines(path, key))
    return _read_json_lines(path, key)


def check_file(path: Path, key: str) -> None:
    """Raises a UserError unless there is something in the file; of standard input it is not known yet."""
    if path == STANDARD_INPUT:
        return
    if not path.exists():
        raise UserError(f"{key}: there is no file {path.absolute()}.")
    if path.is_dir():
        raise UserError(f"{key}: {path} is a folder. Name a file, or use data=folder data.root={path}.")
    if path.stat().st_size == 0:
        raise UserError(f"{key}: {path} is empty.")


def ending_of(path: Path) -> str:
    """What tells the format, such as ".csv", in lower case and without ".gz"."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return suffixes[-2] if len(suffixes) > 1 and suffixes[-1] == ".gz" else (suffixes or [""])[-1]


def _open_bytes(path: Path) -> BinaryIO:
    if path == STANDARD_INPUT:
        return sys.stdin.buffer
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def _open_text(path: Path) -> TextIO:
    """UTF-8, a byte-order mark skipped, line ends as they are: the CSV parser looks after them."""
    return io.TextIOWrapper(_open_bytes(path), encoding="utf-8-sig", newline="")


def _first_undecodable(path: Path) -> tuple[int, int]:
    """Line number and byte: the text layer decodes many lines at a time and doesn't know which it was."""
    with _open_bytes(path) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return number, line[error.start]
    raise AssertionError("every line could be decoded")


def _explain(error: Exception, path: Path, key: str, where: str) -> UserError:
    """What a decoder's or decompressor's error means to a user."""
    if isinstance(error, UnicodeDecodeError) and path == STANDARD_INPUT:
        return UserError(
            f"{key}: standard input is not UTF-8 after {where} ({error.reason}). Convert it first (iconv)."
        )
    if isinstance(error, UnicodeDecodeError):
        try:
            line, byte = _first_undecodable(path)
        except (EOFError, OSError, zlib.error) as damage:
            return _explain(damage, path, key, where)
        with _open_bytes(path) as file:
            start = file.read(2)
        if start == b"\x1f\x8b":
            return UserError(f"{key}: {path} is gzipped, which its name must say: let it end in .gz.")
        encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "latin1"
        return UserError(
            f"{key}: {path} is not UTF-8: line {line} holds byte 0x{byte:02x}. "
            f"Convert it first, for instance with: iconv -f {encoding} -t utf-8."
        )
    return UserError(f"{key}: {path} can't be unpacked after {where} ({error}). The file is damaged or incomplete.")


def _read_delimited(path: Path, key: str, delimiter: str) -> tuple[list[str], Iterator[Record]]:
    csv.field_size_limit(sys.maxsize)
    rows = _delimited_rows(path, key, delimiter)
    header = next((fields for _, fields in rows if fields), None)
    if header is None:
        raise UserError(f"{key}: {path} is empty.")
    _check_doubled(header, path, key)

    def records() -> Iterator[Record]:
        for where, fields in rows:
            if not fields:
                continue  # a blank line
            if len(fields) != len(header):
                raise UserError(
                    f"{key}: {path}, {where} has {len(fields)} fields and the header has {len(header)} "
                    f"({', '.join(header)}). Quote fields that hold the separator."
                )
            yield where, dict(zip(header, fields, strict=True))

    return header, records()


def _check_doubled(names: list[str], path: Path, key: str) -> None:
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise UserError(f"{key}: {path} has two columns named {listed(doubled[:1])!r}. Columns: {listed(names)}.")


def _delimited_rows(path: Path, key: str, delimiter: str) -> Iterator[tuple[str, list[str]]]:
    with _open_text(path) as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        began, number = 1, -1  # the header is not a row
        where = "the beginning"
        while True:
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise UserError(
                    f"{key}: {path}, row {number + 1} (from line {began}) has a broken quote or field: {error}. "
                    'A field with quotes is written "like ""this""".'
                ) from error
            except (UnicodeDecodeError, EOFError, OSError, zlib.error) as error:
                raise _explain(error, path, key, where) from error
            number += bool(fields)
            where = f"row {number} (line {began})" if number > 0 else "the header"
            if any("\0" in field for field in fields):
                raise UserError(f"{key}: {path}, {where} holds a NUL byte: this is not a text file, or damaged.")
            began = reader.line_num + 1
            yield where, fields


def _read_json_lines(path: Path, key: str) -> tuple[list[str], Iterator[Record]]:
    def records() -> Iterator[Record]:
        for where, line in _lines(path, key):
            yield where, _parse_json(line, f"{key}: {path}, {where}")

    found = records()
    first = next(found, None)
    if first is None:
        raise UserError(f"{key}: {path} is empty.")
    return list(first[1]), chain([first], found)


def _lines(path: Path, key: str) -> Iterator[tuple[str, str]]:
    """The lines that are not blank, and where each stands."""
    return ((f"line {number}", line) for number, line in numbered_lines(path, key) if line.strip())


def numbered_lines(path: Path, key: str) -> Iterator[tuple[int, str]]:
    """All lines of a text file, gzipped or not, counted from 1.

    Raises:
        UserError: while iterating, naming key, file and line.
    """
    where = "the beginning"
    with _open_text(path) as file:
        try:
            for number, line in enumerate(file, 1):
                where = f"line {number}"
                yield number, line
        except (UnicodeDecodeError, EOFError, OSError, zlib.error) as error:
            raise _explain(error, path, key, where) from error


def _parse_json(line: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where} is not JSON ({error}). Each line is one object.") from error
    if not isinstance(record, dict):
        raise UserError(f'{where} is not an object like {{"text": "...", "label": "..."}}.')
    return record


def _read_parquet(path: Path, key: str) -> tuple[list[str], Iterator[Record]]:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise UserError(f"{key}: {path} is not a Parquet file, or damaged ({str(error).splitlines()[0]}).") from error

    def records() -> Iterator[Record]:
        number = 0
        try:
            for batch in file.iter_batches():
                for record in batch.to_pylist():
                    number += 1
                    yield f"row {number}", record
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            raise UserError(f"{key}: {path} is damaged after row {number} ({error}).") from error

    names = list(file.schema_arrow.names)
    _check_doubled(names, path, key)
    return names, records()
