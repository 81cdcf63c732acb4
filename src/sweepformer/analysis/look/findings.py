"""All that is known of rows before anything is trained on them."""

import unicodedata
from array import array
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from sweepformer.analysis.look.columns import Chosen, Column
from sweepformer.analysis.look.near import Pair
from sweepformer.analysis.look.parts import Given
from sweepformer.config.kinds import LabelKind
from sweepformer.data.reading.table import Record


@dataclass
class Split:
    """Counts of one. broken: a line a kind of mistake; blank: rows without a text or label, by what they lack; classes:
    rows (of tags: words) by label; lengths: rows by tokens; repeats, conflicts: rows whose text stands before, with the
    same and with another label; in_train, near_train: rows whose text stands in train, or nearly does.
    """

    split: str
    name: str
    form: str
    rows: int = 0
    broken: list[str] = field(default_factory=list)
    blank: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    spellings: Counter[str] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)
    characters: Counter[str] = field(default_factory=Counter)
    numbers: tuple[float, float] | None = None
    repeats: int = 0
    conflicts: int = 0
    in_train: int = 0
    otherwise_in_train: int = 0
    near_train: int = 0
    digests: array = field(default_factory=partial(array, "Q"), repr=False)  # type: ignore[type-arg]
    labels: array = field(default_factory=partial(array, "Q"), repr=False)  # type: ignore[type-arg]

    @property
    def usable(self) -> int:
        """Rows that can be trained on."""
        return len(self.digests)

    @property
    def refused(self) -> int:
        """Rows that are broken."""
        return self.rows - self.usable - sum(count for what, count in self.blank.items() if "words" not in what)


@dataclass
class Findings:
    """All that is known of what was given.

    first: the first rows of train as they are read; spaced: whether lengths are words, and not characters; rare: rows
    of classes that have too few for all splits, once repeats are left out; pairs: texts of train and a given split that
    are nearly the same; compared: whether all were looked at.
    """

    given: Given
    columns: list[Column]
    chosen: Chosen
    first: list[Record]
    spaced: bool
    splits: list[Split]
    rare: dict[str, int]
    conflicts: list[tuple[str, str, str]]
    pairs: list[Pair]
    compared: bool

    @property
    def train(self) -> Split:
        """The rows to learn from."""
        return self.splits[0]

    @property
    def kind(self) -> LabelKind:
        """What rows are labelled with."""
        return self.chosen.kind

    @property
    def scripts(self) -> Counter[str]:
        """Letters by their script."""
        found: Counter[str] = Counter()
        for split in self.splits:
            for character, count in split.characters.items():
                if character.isalpha():
                    found[unicodedata.name(character, "?").split(" ")[0].capitalize().replace("Cjk", "CJK")] += count
        return found

    @property
    def variants(self) -> list[list[tuple[str, int]]]:
        """Labels that differ in nothing but case or outer spaces, with their rows."""
        together: dict[str, Counter[str]] = {}
        for split in self.splits:
            for label, count in split.spellings.items():
                together.setdefault(label.strip().casefold(), Counter())[label] += count
        return [sorted(one.items()) for one in together.values() if len(one) > 1]
