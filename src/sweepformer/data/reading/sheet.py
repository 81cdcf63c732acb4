"""Rows of a spreadsheet."""

import datetime
import zipfile
from collections.abc import Iterator
from typing import Any

from sweepformer.data.reading.form import Form
from sweepformer.data.reading.opening import Opened
from sweepformer.data.reading.table import Record, Table, told_apart
from sweepformer.errors import UserError
from sweepformer.screen.command_line import install_line


class Sheet(Table):
    """The first sheet of an Excel workbook; its first row names the columns. Rows without any cell are none."""

    def __init__(self, file: Opened, form: Form) -> None:
        super().__init__(file, form)
        try:
            import openpyxl
        except ImportError as error:
            raise UserError(f"{file.name}: .xlsx needs the package openpyxl: {install_line('xlsx')}") from error
        try:
            self.book = openpyxl.load_workbook(file.path, read_only=True, data_only=True)
        except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
            raise UserError(f"{file.name} is not an Excel workbook, or damaged ({error}).") from error
        first = next(self.book.worksheets[0].iter_rows(values_only=True), None)
        if not first:
            raise UserError(f"{file.name} is empty: its first sheet has no row.")
        while first and first[-1] is None:
            first = first[:-1]
        self.header = ["" if name is None else str(name).strip() for name in first]
        self.columns = told_apart(self.header)

    def records(self) -> Iterator[Record]:
        rows = self.book.worksheets[0].iter_rows(min_row=2, values_only=True)
        for number, cells in enumerate(rows, 1):
            if any(cell is not None for cell in cells):
                padded = (*cells, *[None] * len(self.columns))
                fields = zip(self.columns, map(_cell, padded), strict=False)
                yield Record(f"row {number} (sheet row {number + 1})", dict(fields))


def _cell(value: Any) -> Any:
    """As text, as a CSV of the sheet would have it."""
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return value if value is None else str(int(value) if isinstance(value, float) and value.is_integer() else value)
