"""From what users give to texts as the tokenizer is given them: one text, two, or words."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sweepformer.data.cells import Transform, checked_text
from sweepformer.data.texts import join_pair, join_words
from sweepformer.errors import UserError


@dataclass(frozen=True)
class TextMaker:
    """Checks rows and writes each as one string, as `data.texts` does.

    pairs: a row is two texts; tagged: words, or a text that white space cuts into words; transform: called on every
    raw text, as in training.
    """

    pairs: bool = False
    tagged: bool = False
    transform: Transform | None = None

    def of_each(self, rows: Iterable[Any]) -> list[str]:
        """Strings, pairs of strings, or lists of words, as a caller gives them; a UserError names the first bad one."""
        if isinstance(rows, str):
            raise UserError("One string was given, and a list of texts is needed: put it into brackets, [text].")
        return [self.of(row, f"row {number} of those given") for number, row in enumerate(rows, 1)]

    def of(self, row: Any, where: str) -> str:
        """One row. where: it stands, for messages."""
        if self.tagged:
            return join_words(self._words(row, where))
        if not self.pairs:
            return checked_text(row, where, None, self.transform)
        if isinstance(row, str) or not isinstance(row, list | tuple) or len(row) != 2:
            raise UserError(
                f"{where}: {row!r:.60} is not two texts, which this run was trained on: give (text, other)."
            )
        first, second = (checked_text(text, where, None, self.transform) for text in row)
        return join_pair(first, second)

    def _words(self, row: Any, where: str) -> list[str]:
        words = row.split() if isinstance(row, str) else row
        if not isinstance(words, list | tuple) or not words:
            raise UserError(f"{where}: {row!r:.60} holds no words: give a list of words, or a text with spaces.")
        return [
            checked_text(word, f"{where}, word {place}", None, self.transform) for place, word in enumerate(words, 1)
        ]
