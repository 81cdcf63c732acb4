"""What is read of rows that are longer than the model takes: their head, their tail, both, or all of it in windows."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Pieces(NamedTuple):
    """The sequences in which some rows are read: one a row, or several windows.

    rows: (pieces,) int64, the row of each, ascending; starts: (pieces,) int64, where it begins among the split's
    tokens; lengths: (pieces,) int64 tokens in it; kept, gaps: (pieces,) int64, after how many tokens how many are
    left out.
    """

    rows: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    kept: np.ndarray
    gaps: np.ndarray

    def tokens(self, pieces: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Where among the split's tokens those at `places` in `pieces` stand; all int64, of shapes that fit."""
        found = self.starts[pieces] + places
        if self.gaps.any():
            found += np.where(places < self.kept[pieces], 0, self.gaps[pieces])
        return found


@dataclass(frozen=True)
class Truncation:
    """How rows of more than `max_length` tokens are read.

    Of two texts the longer one is cut first, so that both are read.

    Args:
        max_length: the most tokens of a sequence.
        part: "head"; "tail"; "head_and_tail": a quarter of max_length from the row's beginning, the rest from its
            end (Sun et al. 2019, "How to Fine-Tune BERT for Text Classification?", section 5.3.1); or "windows": the
            whole row, in sequences of max_length tokens that overlap.
        overlap: the least share of a window that the next one repeats, below 1.
    """

    max_length: int
    part: str = "head"
    overlap: float = 0.25

    @classmethod
    def of(cls, config: dict[str, Any]) -> "Truncation":
        """As the plain config of a run has it."""
        data, side = config["data"], config["tokenizer"].get("truncation_side")
        part = data.get("truncation") or ("tail" if side == "left" else "head")
        return cls(config["model"].get("max_length", 256), part, data.get("window_overlap", 0.25))

    def tokens_read(self, lengths: np.ndarray) -> np.ndarray:
        """(rows,) int64 tokens read of rows of these lengths, what windows share counted in each."""
        return np.minimum(lengths, self.max_length) * self._windows(lengths)

    def pieces(self, starts: np.ndarray, lengths: np.ndarray, first_texts: np.ndarray | None = None) -> Pieces:
        """The pieces of rows; all (rows,) int64.

        starts: where each begins among the split's tokens; lengths: its tokens; first_texts: tokens before the
        separator where rows are two texts, for which 0 will do in rows that are not too long.
        """
        if first_texts is not None:
            return self._of_pairs(starts, lengths, first_texts)
        read = np.minimum(lengths, self.max_length)
        windows = self._windows(lengths)
        rows = np.repeat(np.arange(len(lengths)), windows)
        number = np.arange(len(rows)) - (np.cumsum(windows) - windows)[rows]
        left = lengths - read
        if self.part == "windows":  # at equal distances, the last at the row's end
            starts, left = starts[rows] + number * left[rows] // np.maximum(windows - 1, 1)[rows], np.zeros_like(rows)
        kept = {"tail": 0, "head_and_tail": self.max_length // 4}.get(self.part, self.max_length)
        return Pieces(rows, starts, read[rows], np.full(len(rows), kept), left)

    def _of_pairs(self, starts: np.ndarray, lengths: np.ndarray, first: np.ndarray) -> Pieces:
        second = lengths - first - 1
        room = self.max_length - 1  # the separator takes one place
        of_second = np.minimum(second, np.maximum(room // 2, room - first))
        of_first = np.minimum(first, room - of_second)
        read, rows = of_first + 1 + of_second, np.arange(len(lengths))
        if self.part == "tail":
            return Pieces(rows, starts + first - of_first, read, of_first + 1, second - of_second)
        return Pieces(rows, starts, read, of_first, first - of_first)

    def _windows(self, lengths: np.ndarray) -> np.ndarray:
        """(rows,) int64, how many sequences each row becomes."""
        if self.part != "windows":
            return np.ones_like(lengths)
        step = max(int(self.max_length * (1 - self.overlap)), 1)
        return 1 - np.minimum((self.max_length - lengths) // step, 0)
