"""Which rows go together: batches of like length, of equal cost, the same number in every epoch."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler

from sweepformer.data.encoding import NO_TAG
from sweepformer.data.store import TokenizedRows
from sweepformer.data.truncation import Pieces, Truncation
from sweepformer.data.words import Words, words_of
from sweepformer.models.layout import Layout, Packed


def balanced_rows(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """As many rows as there are, those of each class equally often: (rows,) int64, in no particular order.

    Rows are drawn with chances inverse to their class's frequency, at equal distances rather than one by one
    (systematic sampling, Madow 1949): rows of a rare class come again equally often, to within one, and those of a
    frequent class never twice.

    Args:
        labels: class numbers, (rows,) int64.
        random: decides which rows.
    """
    shuffled = random.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    ends = (1 / np.bincount(labels)[labels[by_class]]).cumsum()
    places = (np.arange(len(labels)) + random.random()) * (ends[-1] / len(labels))
    return by_class[np.searchsorted(ends, places, side="right").clip(max=len(labels) - 1)]


SHORTEST = 4  # tokens: rows that are shorter go together


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


class BatchPlan:
    """Cuts rows into batches of `batch_size` rows on average.

    Rows are sorted by length, and a batch is cut whenever it would cost more than `batch_size` rows of mean
    length do, padding included: many short rows, or few long ones. Lengths count in steps of about 10 %, and
    rows within a step are shuffled anew each epoch, as is the order of the batches: as the sorted steps are
    the same in every epoch, so are the number and the sizes of the batches. With `by_tokens=False` every
    batch has `batch_size` rows instead.

    Args:
        lengths: (rows,) tokens a row, as trained (after truncation).
        batch_size: rows a batch, on average.
        by_tokens: cut by cost in tokens (True) or by number of rows.
        grouped: rows of like length together; False: as chance has it, for batches without padding.
        seed: of the shuffles; together with the epoch it decides them.
        replicas: processes that share the batches; their number is made a multiple of it.
        balance: (rows,) int64 class numbers, to draw as many rows of each class, as `balanced_rows` does, from which
            batches are then cut alike; None: every row once.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        batch_size: int,
        by_tokens: bool = True,
        seed: int = 0,
        replicas: int = 1,
        grouped: bool = True,
        balance: np.ndarray | None = None,
    ) -> None:
        self.seed, self._balance = seed, balance
        every_length = np.arange(lengths.max() + 1)  # they are few: what follows is reckoned once for each
        step_by_length = np.ceil(np.log(np.maximum(every_length, SHORTEST)) / np.log(1.1))
        # 16-bit numbers are sorted in linear time.
        self._steps = step_by_length.astype(np.int16)[lengths] * np.int16(grouped)
        if balance is not None:  # every draw has about these lengths
            lengths = lengths[balanced_rows(balance, np.random.default_rng(seed))]
        if by_tokens and grouped:
            sizes = _sizes_of_equal_cost(np.bincount(lengths), batch_size * float(lengths.mean()), most=batch_size * 8)
        else:
            sizes = np.diff([*range(0, len(lengths), batch_size), len(lengths)]).tolist()
        target = -(-len(sizes) // replicas) * replicas  # every process gets as many
        if target > len(lengths) >= replicas:
            target = len(lengths) // replicas * replicas
        while len(sizes) > target:
            sizes[-2:] = [sizes[-2] + sizes[-1]]
        while len(sizes) < target and max(sizes) > 1:
            largest = int(np.argmax(sizes))
            half = sizes[largest] // 2
            sizes[largest : largest + 1] = [half, sizes[largest] - half]
        self._cuts = np.cumsum(sizes)[:-1]

    def __len__(self) -> int:
        return len(self._cuts) + 1

    def epoch(self, number: int) -> list[np.ndarray]:
        """The batches of one epoch, each an int64 array of row numbers: every row once, or as drawn."""
        random = np.random.default_rng([self.seed, number])
        rows = np.arange(len(self._steps)) if self._balance is None else balanced_rows(self._balance, random)
        shuffled = random.permutation(rows)
        ordered = shuffled[np.argsort(self._steps[shuffled], kind="stable")]
        batches = np.split(ordered, self._cuts)
        return [batches[index] for index in random.permutation(len(batches))]

    def in_order(self) -> list[np.ndarray]:
        """The same batches unshuffled, for evaluation."""
        return np.split(np.argsort(self._steps, kind="stable"), self._cuts)


def _sizes_of_equal_cost(rows_by_length: np.ndarray, cost: float, most: int) -> list[int]:
    """Rows in each batch, so that it costs no more than `cost` tokens when padded, the shortest rows first.

    rows_by_length: (longest + 1,) how many rows have each length; most: rows in a batch.
    """
    sizes: list[int] = []
    size = 0  # of the batch that is being filled
    for length in np.flatnonzero(rows_by_length).tolist():
        room = max(1, min(most, int(cost // length)))  # rows of this length, shorter ones among them
        waiting = int(rows_by_length[length])
        if size >= room:
            sizes.append(size)
            size = 0
        while size + waiting > room:
            sizes.append(room)
            waiting -= room - size
            size = 0
        size += waiting
    return [*sizes, size] if size else sizes


class PlannedBatches(Sampler[list[int]]):
    """Hands a plan's batches to a DataLoader, one process's share of them.

    Args:
        plan: the plan, already made for `replicas`.
        position: asked when an epoch begins; returns (epoch, batches already trained on in it), so that a
            resumed run goes on where it stopped. None: evaluation, always all batches in order.
        rank, replicas: which share is this process's.
    """

    def __init__(
        self, plan: BatchPlan, position: Callable[[], tuple[int, int]] | None, rank: int = 0, replicas: int = 1
    ) -> None:
        self.plan, self.position, self.rank, self.replicas = plan, position, rank, replicas

    def __len__(self) -> int:
        return len(range(self.rank, len(self.plan), self.replicas))

    def __iter__(self) -> Iterator[list[int]]:
        if self.position is None:
            batches, done = self.plan.in_order(), 0
        else:
            epoch, done = self.position()
            batches = self.plan.epoch(epoch)
        yield from (batch.tolist() for batch in batches[self.rank :: self.replicas][done:])


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
        if self.packed:
            packed = Packed.of(torch.from_numpy(pieces.lengths))
            positions = pieces.tokens(packed.rows.numpy(), packed.positions.numpy())
            tokens = self.rows.tokens[positions].astype(np.int64)
            return self._batch(tokens, packed, chosen, pieces, positions)
        lengths = pieces.lengths[:, None]
        columns = np.arange(lengths.max())
        padding = columns >= lengths
        positions = pieces.tokens(np.arange(len(lengths))[:, None], np.minimum(columns, lengths - 1))
        token_ids = self.rows.tokens[positions].astype(np.int64)
        token_ids[padding] = self.pad_id
        mask = torch.from_numpy(padding) if self.always_masked or padding.any() else None
        return self._batch(token_ids, mask, chosen, pieces, positions, padding)

    def _pieces(self, chosen: np.ndarray) -> Pieces:
        starts, ends = self.rows.offsets[chosen], self.rows.offsets[chosen + 1]
        first_texts = None
        if self.separator_id is not None:
            first_texts = np.zeros(len(chosen), dtype=np.int64)
            for place in np.flatnonzero(ends - starts > self.truncation.max_length):
                tokens = self.rows.tokens[starts[place] : ends[place]]
                first_texts[place] = (tokens == self.separator_id).argmax()
        return self.truncation.pieces(starts, ends - starts, first_texts)

    def _batch(
        self,
        token_ids: np.ndarray,
        layout: Layout,
        rows: np.ndarray,
        pieces: Pieces,
        positions: np.ndarray,
        padding: np.ndarray | None = None,
    ) -> Batch:
        labels = self.rows.labels[rows] if not self.rows.tagged else self.rows.labels[positions].astype(np.int64)
        if self.rows.tagged and padding is not None:
            labels[padding] = NO_TAG
        windows = torch.from_numpy(pieces.rows) if len(pieces.rows) > len(rows) else None
        words = words_of(self.rows, rows, positions, padding) if self.rows.tagged else None
        return Batch(
            torch.from_numpy(token_ids), layout, torch.from_numpy(labels), torch.from_numpy(rows), windows, words
        )
