"""Some rows of a batch, as a batch of their own."""

from itertools import pairwise

import torch

from sweepformer.data.batches import Batch
from sweepformer.data.words import Words
from sweepformer.models.layout import Packed


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
