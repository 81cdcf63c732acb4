"""Raw rows, as a source hands them over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass
class Rows:
    """Labelled texts.

    ids: each row's identity in its source (row number, file name, code).
    groups: rows of one group must stay in one split; None where there are no groups.
    origin: where the rows come from, for messages.
    """

    texts: list[str]
    labels: list[str]
    ids: list[str]
    groups: list[str] | None = None
    origin: str = ""

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, indices: Sequence[int]) -> "Rows":
        """The rows with these numbers, in this order."""
        return Rows(
            texts=[self.texts[index] for index in indices],
            labels=[self.labels[index] for index in indices],
            ids=[self.ids[index] for index in indices],
            groups=None if self.groups is None else [self.groups[index] for index in indices],
            origin=self.origin,
        )


@dataclass
class RawSplits:
    """What a source has; a split that is None is cut from train."""

    train: Rows
    val: Rows | None = None
    test: Rows | None = None


class Source(Protocol):
    """Where rows come from. A source of one's own needs these two methods and nothing else."""

    def fingerprint(self) -> str:
        """A short text that changes whenever `read` would return something else."""

    def read(self) -> RawSplits:
        """All rows."""
