"""Which rows go together: batches of like length, of equal cost, the same number in every epoch."""

from collections.abc import Callable, Iterator

import numpy as np
from torch.utils.data import Sampler

SHORTEST = 4  # tokens: rows that are shorter go together


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

    plan: already made for `replicas`; position: asked when an epoch begins, returns (epoch, batches already trained on
    in it), so that a resumed run goes on where it stopped, None: evaluation, always all batches in order; rank,
    replicas: which share is this process's.
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
