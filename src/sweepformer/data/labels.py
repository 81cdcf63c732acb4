"""What rows are labelled with, as columns: splits are cut by them, and arrays for training made of them."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from sweepformer.data.columns import Categories

STRATA = 10  # of numbers, when splits are cut


class Labels(ABC):
    """One label a row. names: the classes or tags that occur, if there are such."""

    names: list[str]

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def select(self, indices: np.ndarray) -> "Labels":
        """The rows with these numbers, in this order."""

    @abstractmethod
    def strata(self) -> np.ndarray:
        """(rows,) int64: rows of one number are to be spread evenly over the splits."""

    @abstractmethod
    def identities(self) -> np.ndarray:
        """(rows,) uint64: the same for rows that are labelled alike."""

    def rows_named(self, name: str) -> np.ndarray:
        """(rows,) bool: those in whose label a class or tag occurs."""
        raise ValueError(f"{type(self).__name__} have no names such as {name}")

    @abstractmethod
    def array(self, names: list[str]) -> np.ndarray:
        """What is learned from, as `TokenizedRows.labels` of rows. names: all there are, whose places are numbers."""


class Classes(Labels):
    """One class a row."""

    def __init__(self, categories: Categories) -> None:
        self.categories, self.names = categories, categories.names

    def __len__(self) -> int:
        return len(self.categories)

    def __iter__(self) -> Iterator[str]:
        return iter(self.categories)

    def select(self, indices: np.ndarray) -> "Classes":
        return Classes(self.categories.select(indices))

    def strata(self) -> np.ndarray:
        return self.categories.codes

    def identities(self) -> np.ndarray:
        return _digests(self.names)[self.categories.codes]

    def rows_named(self, name: str) -> np.ndarray:
        return self.categories.codes == self.names.index(name)

    def array(self, names: list[str]) -> np.ndarray:
        """(rows,) int64, places in `names`."""
        return _places(self.names, names)[self.categories.codes]


class LabelLists(Labels):
    """Several labels a row, in their order: the tags of its words, or the set of its classes (sorted).

    categories: of all rows' labels, one after the other; offsets: (rows + 1,) int64, where each row's begin.
    """

    def __init__(self, categories: Categories, offsets: np.ndarray) -> None:
        self.categories, self.offsets, self.names = categories, offsets, categories.names

    @classmethod
    def of(cls, lists: Iterable[Sequence[str]]) -> "LabelLists":
        kept = list(lists)
        offsets = np.concatenate([[0], np.cumsum([len(one) for one in kept], dtype=np.int64)])
        return cls(Categories.of(chain.from_iterable(kept)), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """(rows,) int64 labels."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> np.ndarray:
        """(labels,) int64, the row of each."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def select(self, indices: np.ndarray) -> "LabelLists":
        lengths = self.lengths[indices]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        chosen = np.arange(offsets[-1]) + np.repeat(self.offsets[indices] - offsets[:-1], lengths)
        return LabelLists(self.categories.select(chosen), offsets)

    def strata(self) -> np.ndarray:
        """Each row's rarest label, the one in fewest rows: it is the hardest to spread (after Sechidis et al. 2011)."""
        rarest = np.full(len(self), len(self.names), dtype=np.int64)
        held = np.unique(np.stack([self.rows, self.categories.codes]), axis=1)[1]  # a tag may be in one row many times
        order = np.argsort(-np.bincount(held, minlength=len(self.names)), kind="stable")
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        ranks = np.full(len(self), -1, dtype=np.int64)
        np.maximum.at(ranks, self.rows, rank[self.categories.codes])
        has = ranks >= 0
        rarest[has] = order[ranks[has]]
        return rarest

    def identities(self) -> np.ndarray:
        digests = _digests(self.names)[self.categories.codes].tolist()
        spans = zip(self.offsets[:-1].tolist(), self.offsets[1:].tolist(), strict=True)
        joined = (hash(tuple(digests[start:end])) & (2**64 - 1) for start, end in spans)
        return np.fromiter(joined, dtype=np.uint64, count=len(self))

    def rows_named(self, name: str) -> np.ndarray:
        found = np.zeros(len(self), dtype=bool)
        found[self.rows[self.categories.codes == self.names.index(name)]] = True
        return found

    def numbers(self, names: list[str]) -> np.ndarray:
        """(labels,) int64, places in `names`."""
        return _places(self.names, names)[self.categories.codes]

    def array(self, names: list[str]) -> np.ndarray:
        """(rows, names) bool, which of them each row has."""
        table = np.zeros((len(self), len(names)), dtype=bool)
        table[self.rows, self.numbers(names)] = True
        return table


class Numbers(Labels):
    """One number a row; values: (rows,) float64."""

    def __init__(self, values: np.ndarray) -> None:
        self.values: np.ndarray = np.asarray(values, dtype=np.float64)
        self.names = []

    def __len__(self) -> int:
        return len(self.values)

    def select(self, indices: np.ndarray) -> "Numbers":
        return Numbers(self.values[indices])

    def strata(self) -> np.ndarray:
        """The tenth of the rows that each belongs to, by its number."""
        ranks = np.argsort(np.argsort(self.values, kind="stable"))
        return ranks * STRATA // max(len(ranks), 1)

    def identities(self) -> np.ndarray:
        return self.values.view(np.uint64)

    def array(self, names: list[str]) -> np.ndarray:
        return self.values


def mean_and_scale(numbers: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of the training rows' numbers, (rows,) float64."""
    return float(numbers.mean()), float(numbers.std())


class Unlabelled(Labels):
    """Nothing but a number of rows."""

    def __init__(self, count: int) -> None:
        self.count, self.names = count, []

    def __len__(self) -> int:
        return self.count

    def select(self, indices: np.ndarray) -> "Unlabelled":
        return Unlabelled(len(indices))

    def strata(self) -> np.ndarray:
        return np.zeros(self.count, dtype=np.int64)

    def identities(self) -> np.ndarray:
        return np.zeros(self.count, dtype=np.uint64)

    def array(self, names: list[str]) -> np.ndarray:
        return np.zeros(self.count, dtype=np.int64)


def labels_of(given: Any, rows: int) -> Labels:
    """The column that a source's labels make: texts, numbers, lists of texts, or None."""
    if isinstance(given, Labels):
        return given
    if given is None:
        return Unlabelled(rows)
    if isinstance(given, Categories):
        return Classes(given)
    first = given[0] if len(given) else ""
    if isinstance(first, str):
        return Classes(Categories.of(given))
    if isinstance(first, float | int | np.number):
        return Numbers(given)
    return LabelLists.of(given)


def _digests(names: list[str]) -> np.ndarray:
    joined = b"".join(hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(joined, dtype=np.uint64)


def _places(names: list[str], among: list[str]) -> np.ndarray:
    place = {name: number for number, name in enumerate(among)}
    return np.array([place[name] for name in names], dtype=np.int64)
