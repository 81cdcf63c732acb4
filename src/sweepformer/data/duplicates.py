"""Rows with the same text: left out, or counted."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sweepformer.data.labels import Unlabelled
from sweepformer.data.rows import RawSplits


@dataclass(frozen=True)
class Duplicates:
    """Which rows of a source repeat a text.

    kept: the source without the rows that are left out; dropped: how many these are; conflicts: how many more of them
    have another label than the row that is kept; from_test: how many of all were in a given test split; shared: how
    many rows of the splits that are used as given have a text that is kept in train too, by the split's name; repeated:
    how many rows of train repeat another of it and are kept.
    """

    kept: RawSplits
    dropped: int
    conflicts: int
    from_test: int
    shared: dict[str, int]
    repeated: int


def find_duplicates(raw: RawSplits, drop: str) -> Duplicates:
    """What is left of a source.

    Of several rows with one text the first is kept, of train; with "all" of test, validation and train, in this order;
    with "none" every row. Unlabelled rows are kept if their text stands in no other row.

    Args:
        drop: "train", "all" or "none".
    """
    parts = {"test": raw.test, "val": raw.val, "train": raw.train, "unlabelled": raw.unlabelled}
    given = {name: part for name, part in parts.items() if part is not None}
    part_of = np.repeat(np.arange(len(given)), [len(part) for part in given.values()])
    first = _first_places(np.concatenate([_digests(part.texts) for part in given.values()]))
    of = {name: part_of == number for number, name in enumerate(given)}
    of_train = np.flatnonzero(of["train"])
    within = of_train[_first_places(first[of_train, None])]  # of train by itself
    repeats = np.zeros(len(first), dtype=bool)
    original = first.copy()
    if drop == "all":
        repeats = first != np.arange(len(first))
    elif drop == "train":
        original[of_train] = within
        repeats[of_train] = within != of_train
    if "unlabelled" in given:
        repeats |= of["unlabelled"] & (first != np.arange(len(first)))
    labels = np.concatenate([part.labels.identities() for part in given.values()])
    has_label = np.repeat(
        [not isinstance(part.labels, Unlabelled) for part in given.values()], [len(part) for part in given.values()]
    )
    conflicts = int((repeats & has_label & (labels != labels[original])).sum())
    in_train = np.unique(first[of["train"] & ~repeats])
    shared = {str(name): int(np.isin(first[of[name]], in_train).sum()) for name in ("val", "test") if name in given}
    left = {name: part.select(np.flatnonzero(~repeats[of[name]])) for name, part in given.items()}
    from_test = int(repeats[of["test"]].sum()) if "test" in given else 0
    repeated = int((within != of_train).sum()) if drop == "none" else 0
    return Duplicates(RawSplits(**left), int(repeats.sum()) - conflicts, conflicts, from_test, shared, repeated)


def _first_places(keys: np.ndarray) -> np.ndarray:
    """(rows,) int64, where each row's key, (rows, parts), stands first."""
    order = np.lexsort(keys.T)  # stable: of equals the first comes first
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (keys[order[1:]] != keys[order[:-1]]).any(1)
    first = np.empty_like(order)
    first[order] = order[is_first][np.cumsum(is_first) - 1]
    return first


def _digests(texts: Iterable[str]) -> np.ndarray:
    """(texts, 2) uint64, 128 bits that stand for each text: all of them fit in memory when the texts don't."""
    joined = b"".join(hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts)
    return np.frombuffer(joined, dtype=np.uint64).reshape(-1, 2)
