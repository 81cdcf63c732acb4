"""Rows as CSV or TSV that readers take apart as they were put together."""

import csv
from collections.abc import Iterable, Sequence
from typing import Any


class _LineGiven:
    """What a writer takes for a file: gives each line back."""

    @staticmethod
    def write(line: str) -> str:
        return line.removesuffix("\r\n") + "\n"


def delimited(rows: Iterable[Sequence[Any]], delimiter: str = ",") -> str:
    """Rows as lines, a field with a line's end in it in quotes.

    A carriage return alone is one too: readers begin a new row there. Python's writer knows it only where its own lines
    end with one.
    """
    writer = csv.writer(_LineGiven(), delimiter=delimiter, lineterminator="\r\n")
    return "".join(writer.writerow(row) for row in rows)
