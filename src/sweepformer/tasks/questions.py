"""What a language model is asked of a batch, and how its losses are told row by row."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from sweepformer.data.batches import Batch, some_rows
from sweepformer.models.layout import Packed

# Evaluation batches are large and a vocabulary is too: no more logits than these are made at once (256 MiB).
LOGITS_AT_ONCE = 2**26


class Question(NamedTuple):
    """What a model is asked of a batch.

    token_ids: what it reads, int64, shaped as the batch's; chosen: bool, so shaped: the positions that it answers for;
    answers: (chosen,) int64, the tokens that stand there; rows: (chosen,) int64, which row of the batch each is in.
    """

    token_ids: Tensor
    chosen: Tensor
    answers: Tensor
    rows: Tensor


def next_tokens(batch: Batch) -> Question:
    """Position i is asked for the token at i + 1. Batches are padded, as packed rows can't be causal."""
    assert not isinstance(batch.layout, Packed), "packed rows can't be causal"
    followed = _is_followed(batch.token_ids, batch.layout)
    answers = batch.token_ids[:, 1:][followed[:, :-1]]
    return Question(batch.token_ids, followed, answers, followed.nonzero()[:, 0])


def _is_followed(token_ids: Tensor, padding: Tensor | None) -> Tensor:
    """(batch, length) bool: where another token of the row comes next."""
    followed = torch.zeros_like(token_ids, dtype=torch.bool)
    followed[:, :-1] = True if padding is None else ~padding[:, 1:]
    return followed


def in_parts(batch: Batch, vocab_size: int) -> Iterator[Batch]:
    """The batch, some rows at a time if it is padded, as each position may have a logit for every token."""
    if isinstance(batch.layout, Packed):
        yield batch
        return
    size = max(LOGITS_AT_ONCE // (batch.token_ids.shape[1] * vocab_size), 1)
    for start in range(0, len(batch.rows), size):
        yield some_rows(batch, start, min(start + size, len(batch.rows)))


def row_sums(losses: Tensor, question: Question, rows: int) -> Tensor:
    """Each row's summed loss and its answers, (rows, 2) float32. losses: (chosen,) float32."""
    sums = losses.new_zeros(rows, 2)
    return sums.index_add(0, question.rows, torch.stack([losses, torch.ones_like(losses)], dim=1))
