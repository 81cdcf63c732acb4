"""A split as batches: rows padded or packed, what words their tokens stand for, and parts of them."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sweepformer.data.encoding import NO_TAG
from sweepformer.data.store import TokenizedRows
from sweepformer.data.truncation import Pieces, Truncation
from sweepformer.models.layout import Layout, Packed


class Words(NamedTuple):
    """All words of a batch's rows, in order; each (words,) int64.

    tags: their true tags; rows: the place of their row in the batch; tokens: the place of their first token in the
    flattened token ids, -1 if it was cut off with the end of a long row.
    """

    tags: Tensor
    rows: Tensor
    tokens: Tensor


class Batch(NamedTuple):
    """Rows padded to the longest of them, or packed.

    token_ids: (batch, length) int64, or (tokens,) if packed; layout: (batch, length) bool, True where there is no
    token, None if all rows have the same length, or how they are packed; labels: of rows (batch, ...), as in
    `TokenizedRows`, or of tokens, shaped as these and NO_TAG where there is none; rows: (batch,) int64, numbers in
    their split; windows: None, or, where a row is read in several sequences, (sequences,) int64, the place in `rows`
    of each one's row: token_ids and layout then hold sequences, labels are of rows; words: of tagged rows.
    """

    token_ids: Tensor
    layout: Layout
    labels: Tensor
    rows: Tensor
    windows: Tensor | None = None
    words: Words | None = None


class BatchedRows(torch.utils.data.Dataset[Batch]):
    """A split that is read a batch at a time: one gather a batch instead of one call a row.

    Args:
        rows: the tokenised split.
        truncation: how rows that are too long are read.
        pad_id: the id that fills up short rows.
        packed: without padding, one row after another.
        always_masked: a mask also where nothing is padded: a compiler need not prepare for its absence.
        separator_id: the token between a row's two texts; None: rows have one text.
    """

    def __init__(
        self,
        rows: TokenizedRows,
        truncation: Truncation,
        pad_id: int,
        packed: bool = False,
        always_masked: bool = False,
        separator_id: int | None = None,
    ) -> None:
        self.rows, self.truncation, self.separator_id = rows, truncation, separator_id
        self.pad_id, self.packed, self.always_masked = pad_id, packed, always_masked
        self.lengths = truncation.tokens_read(rows.lengths)

    def __len__(self) -> int:
        return len(self.rows)

    def cut_words(self) -> int:
        """How many words of tagged rows are cut off; 0 if none are tagged."""
        too_long = np.flatnonzero(self.rows.lengths > self.lengths) if self.rows.tagged else np.zeros(0, dtype=int)
        batches = (self.__getitems__(too_long[start : start + 100].tolist()) for start in range(0, len(too_long), 100))
        return sum(int((batch.words.tokens < 0).sum()) for batch in batches if batch.words)

    def __getitems__(self, indices: list[int]) -> Batch:
        chosen = np.asarray(indices)
        pieces = self._pieces(chosen)
        padding: np.ndarray | None = None
        layout: Layout = None
        if self.packed:
            layout = Packed.of(torch.from_numpy(pieces.lengths))
            positions = pieces.tokens(layout.rows.numpy(), layout.positions.numpy())
        else:
            lengths = pieces.lengths[:, None]
            columns = np.arange(lengths.max())
            padding = columns >= lengths
            positions = pieces.tokens(np.arange(len(lengths))[:, None], np.minimum(columns, lengths - 1))
            if self.always_masked or padding.any():
                layout = torch.from_numpy(padding)
        tagged = self.rows.tagged
        token_ids = self.rows.tokens[positions].astype(np.int64)
        labels = self.rows.labels[positions].astype(np.int64) if tagged else self.rows.labels[chosen]
        if padding is not None:
            token_ids[padding] = self.pad_id
            if tagged:
                labels[padding] = NO_TAG
        windows = torch.from_numpy(pieces.rows) if len(pieces.rows) > len(chosen) else None
        words = words_of(self.rows, chosen, positions, padding) if tagged else None
        return Batch(
            torch.from_numpy(token_ids), layout, torch.from_numpy(labels), torch.from_numpy(chosen), windows, words
        )

    def _pieces(self, chosen: np.ndarray) -> Pieces:
        starts, ends = self.rows.offsets[chosen], self.rows.offsets[chosen + 1]
        first_texts = None
        if self.separator_id is not None:
            first_texts = np.zeros(len(chosen), dtype=np.int64)
            for place in np.flatnonzero(ends - starts > self.truncation.max_length):
                tokens = self.rows.tokens[starts[place] : ends[place]]
                first_texts[place] = (tokens == self.separator_id).argmax()
        return self.truncation.pieces(starts, ends - starts, first_texts)


def words_of(rows: TokenizedRows, chosen: np.ndarray, positions: np.ndarray, padding: np.ndarray | None) -> Words:
    """The words of some rows of a tagged split.

    chosen: (batch,) the rows' numbers; positions: int64, shaped as the batch's token ids: the place of each token in
    `rows.tokens`; padding: True where there is none; None: nowhere.
    """
    lengths = rows.lengths[chosen]
    begins = np.cumsum(lengths) - lengths
    of_row = np.repeat(np.arange(len(chosen)), lengths)
    places = np.arange(lengths.sum()) + (rows.offsets[chosen] - begins)[of_row]
    tags = rows.labels[places].astype(np.int64)
    first = tags >= 0
    columns = tags[first], of_row[first], _found(places[first], positions, padding)
    return Words(*map(torch.from_numpy, columns))


def _found(places: np.ndarray, positions: np.ndarray, padding: np.ndarray | None) -> np.ndarray:
    """Where in the flattened `positions` each place stands, -1 if nowhere."""
    read = np.arange(positions.size) if padding is None else np.flatnonzero(~padding)
    read = read[np.argsort(positions.ravel()[read], kind="stable")]
    ascending = positions.ravel()[read]
    nearest = np.minimum(np.searchsorted(ascending, places), len(ascending) - 1)
    return np.where(ascending[nearest] == places, read[nearest], -1)


def parts(batch: Batch, number: int) -> list[Batch]:
    """A batch in `number` parts of as many rows, give or take one, in order; fewer if it hasn't so many rows."""
    rows = len(batch.rows)
    number = min(number, rows)
    edges = [rows * part // number for part in range(number + 1)]
    return [batch] if number == 1 else [some_rows(batch, start, stop) for start, stop in pairwise(edges)]


def some_rows(batch: Batch, start: int, stop: int) -> Batch:
    """The rows from `start` to before `stop`, with all of their windows and words; if padded, as wide as the batch."""
    first, last = start, stop  # sequences
    windows, words, layout = batch.windows, batch.words, batch.layout
    if windows is not None:
        first, last = torch.searchsorted(windows, torch.tensor([start, stop], device=windows.device)).tolist()
        windows = windows[first:last] - start
    chosen = slice(first, last)  # along the first dimension of the tokens
    if isinstance(layout, Packed):
        chosen = slice(int(layout.starts[first]), int(layout.starts[last]))
        layout = layout.between(first, last)
    elif layout is not None:
        layout = layout[chosen]
    if words is not None:
        words = _of_rows(words, start, stop, tokens_before=batch.token_ids[: chosen.start].numel())
    labels = batch.labels[chosen if words is not None else slice(start, stop)]
    return Batch(batch.token_ids[chosen], layout, labels, batch.rows[start:stop], windows, words)


def _of_rows(words: Words, start: int, stop: int, tokens_before: int) -> Words:
    chosen = (words.rows >= start) & (words.rows < stop)
    tokens = words.tokens[chosen]
    tokens = torch.where(tokens < 0, tokens, tokens - tokens_before)  # those that were cut off stand nowhere
    return Words(words.tags[chosen], words.rows[chosen] - start, tokens)
