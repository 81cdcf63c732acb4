"""The n-grams of a text as scikit-learn's vectorizers count them, and where each stands, which these don't tell."""

import re
from collections.abc import Iterator
from typing import NamedTuple

WORDS = re.compile(r"\b\w+\b")  # words of one letter too
LETTERS = re.compile(r"\s\s+|.", re.DOTALL)  # several spaces count as one


class Unit(NamedTuple):
    """A word or a letter. text: in lower case; start, end: its first character in the text, the one after the last."""

    text: str
    start: int
    end: int


def units_of(text: str, analyzer: str) -> list[Unit]:
    """The words of a text, or with analyzer="char" its letters."""
    # One character may become two: each of the lower case knows where it was.
    places = [place for place, character in enumerate(text) for _ in character.lower()]
    found = (WORDS if analyzer == "word" else LETTERS).finditer(text.lower())
    return [
        Unit(" " if one[0].isspace() and len(one[0]) > 1 else one[0], places[one.start()], places[one.end() - 1] + 1)
        for one in found
    ]


def ngrams_of(units: list[Unit], analyzer: str, shortest: int, longest: int) -> Iterator[tuple[str, range]]:
    """Every n-gram, as a text and the numbers of its units."""
    between = " " if analyzer == "word" else ""
    for length in range(shortest, longest + 1):
        for first in range(len(units) - length + 1):
            numbers = range(first, first + length)
            yield between.join(units[number].text for number in numbers), numbers
