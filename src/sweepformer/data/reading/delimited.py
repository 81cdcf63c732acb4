"""Rows of CSV, TSV and their relatives."""

import csv
import sys
from collections.abc import Generator, Iterator, Sequence

from sweepformer.data.reading.form import Form
from sweepformer.data.reading.opening import Opened
from sweepformer.data.reading.table import Broken, Record, Table, in_words, told_apart
from sweepformer.errors import UserError, listed

MOST_SEEN = 10_000  # labels that are kept to know rows by


class Delimited(Table):
    """A row a line, or several where a quoted field has line ends.

    header: the first row as it stands, or the numbers of the columns; columns: the same, told apart where a name
    stands twice or is blank, which no column that is read may.

    Args:
        file, form: what and how.
        label: the column of labels, by which rows are known that quotes have joined; None: they may join lines.
    """

    def __init__(self, file: Opened, form: Form, label: str | None = None) -> None:
        super().__init__(file, form)
        self.label = label
        csv.field_size_limit(sys.maxsize)
        rows = self._rows()
        first = next((fields for _, fields, _ in rows if fields), None)
        rows.close()
        if first is None:
            raise UserError(f"{file.name} is empty.")
        self.header = [name.strip() for name in first] if form.header else [str(n) for n in range(1, len(first) + 1)]
        self.columns = told_apart(self.header)

    def records(self) -> Iterator[Record | Broken]:
        rows, columns, width = self._rows(), self.columns, len(self.columns)
        label = self.columns.index(self.label) if self.label in self.columns else None
        seen: set[str] = set()
        number = 0
        if self.form.header:
            next(fields for _, fields, _ in rows if fields)
        for began, fields, lines in rows:
            if not fields:
                continue  # a blank line
            number += 1
            where = f"row {number} (line {began})"
            if len(fields) != width:
                yield Broken(where, "fields", self._width_message(fields))
                continue
            if "\0" in "".join(fields):
                yield Broken(where, "NUL", "it holds a NUL byte: this is not a text file, or damaged.")
                continue
            if label is not None and self.form.quoting:
                if len(lines) > 1:
                    self._check_joined(lines, label, seen, where, began)
                elif len(seen) < MOST_SEEN:
                    seen.add(fields[label])
            yield Record(where, dict(zip(columns, fields, strict=True)))

    def _width_message(self, fields: Sequence[str]) -> str:
        advice = "Quote fields that hold the separator, or give data.separator."
        if not self.form.quoting:
            advice = "Is data.separator right, or data.quoting=true?"
        width = len(self.columns)
        first = f"the header has {width} ({listed(self.header)})" if self.form.header else f"the first row {width}"
        return f"{in_words(len(fields), 'field')}, and {first}. {advice}"

    def _check_joined(self, lines: Sequence[str], label: int, seen: set[str], where: str, began: int) -> None:
        for number, line in enumerate(lines[1:], began + 1):
            cells = line.rstrip("\r\n").split(self.form.separator)
            is_the_end = number == began + len(lines) - 1 and any('"' in cell for cell in cells[:label])
            if (
                len(cells) == len(self.columns) and cells[label] in seen and not is_the_end
            ):  # whose label is the row's own
                raise UserError(
                    f"{self.file.name}, {where}: a quote joins lines {began} to {began + len(lines) - 1} into one row, "
                    f"and line {number} looks like a row of its own. Correct the quote, or give data.quoting=false for "
                    "quotes that are part of texts."
                )

    def _rows(self) -> Generator[tuple[int, list[str], list[str]], None, None]:
        """The line that a row begins in, its fields and its lines, where fields are quoted."""
        with self.file.text(self.form.encoding) as text:
            began = 1
            if self.form.mark:
                next(text)
                began = 2
            skipped, lines = began - 1, _Kept(text)
            quoting = csv.QUOTE_MINIMAL if self.form.quoting else csv.QUOTE_NONE
            reader = csv.reader(lines, delimiter=self.form.separator, quoting=quoting, strict=True)  # type: ignore[arg-type]
            number = -1 if self.form.header else 0
            while True:
                lines.kept.clear()
                try:
                    fields = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    raise UserError(
                        f"{self.file.name}, row {number + 1} (from line {began}) has a broken quote or field: {error}. "
                        'A field with quotes is written "like ""this""", or data.quoting=false takes them as they are.'
                    ) from error
                number += bool(fields)
                yield began, fields, lines.kept
                began = reader.line_num + 1 + skipped


class _Kept:
    """Lines, as they are read; kept: those of the row at hand."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self.kept = lines, list[str]()

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.kept.append(line)
            yield line
