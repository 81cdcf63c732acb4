"""What a file is: seen from its first bytes and from what was asked for."""

import csv
import io
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from sweepformer.data.reading.opening import Opened
from sweepformer.errors import UserError, listed

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
DELIMITED, JSON_LINES, JSON, LINES, FASTTEXT, FASTA = "csv", "jsonl", "json", "lines", "fasttext", "fasta"
PARQUET, SHEET = "parquet", "xlsx"
BY_ENDING = {
    ".csv": DELIMITED,
    ".tsv": DELIMITED,
    ".tab": DELIMITED,
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".json": JSON,
    ".parquet": PARQUET,
    ".xlsx": SHEET,
    **dict.fromkeys((".fasta", ".fa", ".faa", ".fna", ".ffn"), FASTA),
}
FORMATS = (DELIMITED, JSON_LINES, JSON, PARQUET, LINES, FASTTEXT, FASTA, SHEET)
NAMES = {
    PARQUET: "Parquet",
    LINES: "a text a line",
    FASTTEXT: "fastText",
    FASTA: "FASTA",
    JSON_LINES: "JSON lines",
    SHEET: "Excel",
}
TOGETHER = 200  # lines of which a form is seen, but for quotes
QUOTED = re.compile(r'"(?:[^"]|"")*"', re.DOTALL)


@dataclass(frozen=True)
class Asked:
    """What a config says of the form of its files; None: it is seen from the file.

    separator: between columns, "tab" for a tab; quoting: whether fields that hold separators stand in quotes; header:
    whether the first row has the names of the columns, which else are numbered from 1.
    """

    format: str | None = None
    encoding: str | None = None
    separator: str | None = None
    quoting: bool | None = None
    header: bool | None = None

    def __post_init__(self) -> None:
        if self.format not in (None, *FORMATS):
            raise UserError(f"data.format={self.format}: allowed are {listed(FORMATS)}, and null for what a file is.")
        if self.separator is not None and len(self.character) != 1:
            raise UserError(f"data.separator={self.separator!r}: one character is allowed, or tab.")

    @property
    def character(self) -> str:
        """The separator as it stands in a file."""
        return {"tab": "\t", "\\t": "\t"}.get(str(self.separator), str(self.separator))


@dataclass(frozen=True)
class Form:
    """How a file is read: as `Asked`, with nothing left open. mark: the line that names the separator, as Excel has it,
    is passed over.
    """

    format: str
    encoding: str = "utf-8"
    separator: str = ","
    quoting: bool = True
    header: bool = True
    mark: bool = False

    def __str__(self) -> str:
        parts = [NAMES.get(self.format, self.format.upper())]
        if self.format == DELIMITED:
            parts = ["TSV" if self.separator == "\t" else "CSV"]
            if self.separator not in ",\t":
                parts.append(f"separated by {SEPARATORS.get(self.separator, repr(self.separator))}")
            if self.separator == "\t" and parts[0] == "CSV":
                parts.append("separated by tab")
            if self.quoting != (self.separator != "\t"):
                parts.append("fields in quotes" if self.quoting else "quotes as they are")
            if not self.header:
                parts.append("no header")
        if not self.encoding.startswith("utf-8"):
            parts.append(self.encoding.upper())
        return ", ".join(parts)


def form_of(file: Opened, asked: Asked, wanted: Sequence[str], labelled: bool) -> Form:
    """What a file is.

    Args:
        wanted: the columns that will be read; a separator by which the header has them all is the right one.
        labelled: whether rows need more than a text: lines of a text file that are cut alike are then a table.

    Raises:
        UserError: it can't be read as what it is.
    """
    found = asked.format or _format(file)
    if found in (PARQUET, SHEET):
        return Form(found)
    encoding = file.encoding(asked.encoding)
    text = _sample_text(file, encoding)
    if found is None:
        found = _format_of_text(text, asked, labelled)
    if found != DELIMITED:
        return Form(found, encoding)
    return _delimited(file, text, encoding, asked, wanted)


def _format(file: Opened) -> str | None:
    if file.sample.startswith(b"PAR1"):
        return PARQUET
    found = BY_ENDING.get(file.ending)
    if found == JSON:  # lines of JSON are as often called so
        start = file.sample.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        return JSON if start == b"[" else JSON_LINES
    return found


def _format_of_text(text: str, asked: Asked, labelled: bool) -> str:
    """Of a text whose name says nothing."""
    start = text.lstrip()[:1]
    lines = [line for line in islice(io.StringIO(text, newline=""), TOGETHER) if line.strip()]
    if sum(any(word.startswith("__label__") for word in line.split()) for line in lines) > len(lines) / 2:
        return FASTTEXT
    if start == "{" and all(line.strip().startswith("{") for line in lines):
        return JSON_LINES
    if start == "[" and text.lstrip()[1:].lstrip()[:1] == "{":
        return JSON
    if asked.separator is not None or asked.header is not None:
        return DELIMITED
    return DELIMITED if labelled and _alike(lines, SEPARATORS) else LINES


def _sample_text(file: Opened, encoding: str) -> str:
    """The lines that are whole in the sample."""
    text = io.TextIOWrapper(io.BytesIO(file.sample), encoding=encoding, errors="ignore", newline="").read()
    if file.sample_is_whole:
        return text
    end = max(text.rfind("\n"), text.rfind("\r"))
    return text if end < 0 else text[: end + 1]


def _delimited(file: Opened, text: str, encoding: str, asked: Asked, wanted: Sequence[str]) -> Form:
    csv.field_size_limit(sys.maxsize)
    lines = [line for line in io.StringIO(text, newline="") if line.strip("\r\n")]
    mark = re.fullmatch(r'"?sep=(.)"?', lines[0].strip("\r\n")) if lines else None
    usual = "\t" if file.ending in (".tsv", ".tab") else ","
    if file.ending not in BY_ENDING:  # a text, in which others separate more surely than commas
        counts = {one: {line.count(one) for line in lines[:TOGETHER]} for one in "\t;|"}
        usual = next((one for one, found in counts.items() if len(found) == 1 and min(found) > 0), usual)
    if asked.separator is not None:
        separator = asked.character
    else:
        separator = mark[1] if mark else _separator(lines[:TOGETHER], usual, wanted)
    rows = _rows(lines[bool(mark) :], separator)
    if asked.quoting is None:
        quoting = _is_quoted(file, text, separator, len(rows[0]) if rows else 0, bool(mark))
    else:
        quoting = asked.quoting
    header = not _is_numbered(wanted, rows, file) if asked.header is None else asked.header
    return Form(DELIMITED, encoding, separator, quoting, header, bool(mark))


def _rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    """The first rows; the last of them may be torn, where there are more."""
    rows = list(csv.reader(lines[:TOGETHER], delimiter=separator))
    return rows[:-1] if len(lines) >= TOGETHER else rows


def _separator(lines: Sequence[str], usual: str, wanted: Sequence[str]) -> str:
    candidates = [usual, *(one for one in SEPARATORS if one != usual)]
    headers = {one: next(csv.reader(lines, delimiter=one), []) for one in candidates}
    names = [name for name in wanted if not name.isdigit()]
    has_all = [one for one in candidates if names and set(names) <= {name.strip() for name in headers[one]}]
    alike = _alike(lines, candidates)
    if has_all:
        return has_all[0]
    if usual in alike or (not alike and len(headers[usual]) > 1):
        return usual
    return max(alike or candidates, key=lambda one: len(headers[one]))


def _alike(lines: Sequence[str], separators: Iterable[str]) -> list[str]:
    """The separators that cut all lines into equally many fields, and into more than one."""
    widths = {one: {len(row) for row in _rows(lines, one)} for one in separators}
    return [one for one, found in widths.items() if len(found) == 1 and min(found) > 1]


def _is_quoted(file: Opened, text: str, separator: str, width: int, mark: bool) -> bool:
    """Whether fields stand in quotes where they need to.

    Where each line is a row already, a quote begins a quoted field only if it ends there too: quotes that meet further
    down would join the lines between them. Tabs need no quotes, and files with tabs have them as part of their texts.

    Raises:
        UserError: it can't be seen.
    """
    well = rows = 0
    badly: list[int] = []
    for number, line in enumerate(io.StringIO(text, newline=""), 1):
        if not line.strip("\r\n") or (mark and number == 1):
            continue
        cells = line.rstrip("\r\n").split(separator)
        if len(cells) != width:
            return True  # what isn't a row by itself may be part of one
        rows += 1
        if '"' in line:
            quoted = [QUOTED.fullmatch(cell) is not None for cell in cells if cell.startswith('"')]
            well += any(quoted)
            badly.extend([number] * (not all(quoted)))
    if not badly:
        return well > 0 or separator != "\t"
    if separator == "\t" and well <= rows / 2:
        return False
    header = 1 + mark
    raise UserError(
        f"{file.name}, row {badly[0] - header} (line {badly[0]}) has a broken quote: a field begins with one that "
        f"does not end in its line, which has its {width} fields otherwise"
        + (f"; so do lines {listed(badly[1:], 5)}" if badly[1:] else "")
        + ". Give data.quoting=false for quotes that are part of texts, or correct the file: a field with quotes is "
        'written "like ""this""".'
    )


def _is_numbered(wanted: Sequence[str], rows: Sequence[Sequence[str]], file: Opened) -> bool:
    """Whether columns are asked for by number, and the first row is one like the others.

    Raises:
        UserError: they are, and it can't be seen what the first row is.
    """
    if not rows or not wanted or set(wanted) & set(rows[0]) or not all(name.isdigit() for name in wanted):
        return False
    if seems_to_lack_header(rows):
        return True
    raise UserError(
        f"{file.name}: its columns are asked for by number ({listed(wanted)}), and its first row "
        f"({listed(rows[0], 5)}) may be their names: give data.header=true if it is, data.header=false if it is a row."
    )


def seems_to_lack_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether a cell of the first row stands in its column again, as labels do and names of columns don't."""
    first, *others = rows
    return any(
        cell.strip() and any(number < len(row) and row[number] == cell for row in others)
        for number, cell in enumerate(first)
    )
