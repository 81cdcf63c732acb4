"""Raw rows, as a source hands them over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sweepformer.data.columns import Categories, Strings
from sweepformer.data.labels import Labels, labels_of


class Rows:
    """Labelled texts.

    Args:
        texts: lists, or `Strings` where there may be more than fits in memory; of two texts a row, or of words that
            are tagged, as `data.texts` joins them.
        labels: each row's class, number, list of classes or of its words' tags; None: there are no labels.
        ids: each row's identity in its source (row number, file name, code).
        groups: rows of one group must stay in one split; None where there are no groups.
        origin: where the rows come from, for messages.
        pairs: whether a row has two texts.
        notes: what the user should know of how they were read.
        ids_are: what an id is, for messages: a row's number or name, or the line that it begins in.
    """

    def __init__(
        self,
        texts: Sequence[str],
        labels: Labels | Sequence[Any] | None,
        ids: Sequence[str],
        groups: Sequence[str] | None = None,
        origin: str = "",
        pairs: bool = False,
        notes: Sequence[str] = (),
        ids_are: str = "row",
    ) -> None:
        self.ids_are = ids_are
        self.account = ""  # how they were read: the form of the file, how many there were, and what was left out
        self.texts, self.ids, self.origin, self.pairs, self.notes = texts, ids, origin, pairs, notes
        self.labels = labels_of(labels, len(texts))
        self.groups = None if groups is None else Categories.of(groups)

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, indices: np.ndarray) -> "Rows":
        """The rows with these numbers, in this order."""
        return Rows(
            texts=_select(self.texts, indices),
            labels=self.labels.select(indices),
            ids=_select(self.ids, indices),
            groups=None if self.groups is None else self.groups.select(indices),
            origin=self.origin,
            pairs=self.pairs,
            ids_are=self.ids_are,
        )


def _select(column: Sequence[str], indices: np.ndarray) -> Sequence[str]:
    return column.select(indices) if isinstance(column, Strings) else [column[index] for index in indices.tolist()]


@dataclass
class RawSplits:
    """What a source has; a split that is None is cut from train.

    unlabelled: further texts, for tasks that learn from texts alone.
    """

    train: Rows
    val: Rows | None = None
    test: Rows | None = None
    unlabelled: Rows | None = None


class Source(Protocol):
    """Where rows come from. A source of one's own needs these two methods and nothing else.

    One whose rows have one class each may say so by `labels = LabelKind.CLASS`: other tasks are then refused before
    it reads.
    """

    def fingerprint(self) -> str:
        """A short text that changes whenever `read` would return something else."""

    def read(self) -> RawSplits:
        """All rows."""
