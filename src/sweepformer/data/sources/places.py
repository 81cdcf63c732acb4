"""Where in a file something stands, for messages."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where a row stands.

    origin: the file; row: "row 3" or "line 7"; lines: those of its words, where each word has its own; unit: what these
    are called.
    """

    origin: str
    row: str
    lines: Sequence[int] | None = None
    unit: str = "line"

    def __str__(self) -> str:
        return f"{self.origin}, {self.row}"

    def of_word(self, number: int) -> str:
        """Where a word stands, counted from 0."""
        if self.lines is None:
            return f"{self}, word {number + 1}"
        return f"{self.origin}, {self.unit} {self.lines[number]}"
