"""Spans of many rows of tags at once: what `data.spans.spans_of` says of one row, for columns of them."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Spans(NamedTuple):
    """begins, ends: (spans,) places of the first word and of the word after the last, ascending; kinds: (spans,)."""

    begins: np.ndarray
    ends: np.ndarray
    kinds: np.ndarray

    def shared_with(self, other: "Spans") -> np.ndarray:
        """Where those of these begin that are in both, with the same place and kind."""
        _, mine, theirs = np.intersect1d(self.begins, other.begins, assume_unique=True, return_indices=True)
        same = (self.ends[mine] == other.ends[theirs]) & (self.kinds[mine] == other.kinds[theirs])
        return self.begins[mine[same]]


def mark_spans(tags: np.ndarray, rows: np.ndarray, names: Sequence[str]) -> Spans | None:
    """The spans of all rows; None if the tags mark none, as parts of speech don't.

    A tag that goes on with a span where none of its kind is open begins one, as in `data.spans.spans_of`.

    Args:
        tags: (words,) places in `names`; one beyond the last for a word without an answer, which is outside.
        rows: (words,) the row of each, ascending.
    """
    from sweepformer.data.spans import BEGINS, ENDS, OUTSIDE, scheme_of  # which loads SeqScore: for tags only

    if not scheme_of(names):
        return None
    parts = [re.fullmatch("(.)-(.+)", name) if name != OUTSIDE else None for name in [*names, OUTSIDE]]
    known = {kind: code for code, kind in enumerate(dict.fromkeys(part[2] for part in parts if part))}
    kinds = np.array([known[part[2]] if part else -1 for part in parts])[tags]
    always_begins = np.array([bool(part) and part[1] in BEGINS for part in parts])[tags]  # type: ignore[index]
    always_ends = np.array([bool(part) and part[1] in ENDS for part in parts])[tags]  # type: ignore[index]
    goes_on = np.zeros(len(tags) + 1, bool)  # with the span of the word before
    goes_on[1:-1] = (kinds[1:] == kinds[:-1]) & (rows[1:] == rows[:-1]) & ~always_begins[1:] & ~always_ends[:-1]
    inside = kinds >= 0
    begins = np.flatnonzero(inside & ~goes_on[:-1])
    ends = np.flatnonzero(inside & ~goes_on[1:]) + 1
    return Spans(begins, ends, kinds[begins])
