"""What a language model is asked of a batch: tokens that come next or are hidden; and its losses row by row."""

from typing import NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from sweepformer.data.batches import Batch, some_rows
from sweepformer.data.tokenizer import mask_id, special_ids, vocab_size
from sweepformer.errors import UserError
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
    followed = torch.zeros_like(batch.token_ids, dtype=torch.bool)  # where another token of the row comes next
    followed[:, :-1] = True if batch.layout is None else ~batch.layout[:, 1:]
    answers = batch.token_ids[:, 1:][followed[:, :-1]]
    return Question(batch.token_ids, followed, answers, followed.nonzero()[:, 0])


def in_parts(batch: Batch, vocab_size: int) -> list[Batch]:
    """The batch, some rows at a time if it is padded, as each position may have a logit for every token."""
    if isinstance(batch.layout, Packed):
        return [batch]
    size = max(LOGITS_AT_ONCE // (batch.token_ids.shape[1] * vocab_size), 1)
    rows = len(batch.rows)
    return [some_rows(batch, start, min(start + size, rows)) for start in range(0, rows, size)]


def row_sums(losses: Tensor, question: Question, rows: int) -> Tensor:
    """Each row's summed loss and its answers, (rows, 2) float32. losses: (chosen,) float32."""
    sums = losses.new_zeros(rows, 2)
    return sums.index_add(0, question.rows, torch.stack([losses, torch.ones_like(losses)], dim=1))


class Masking(nn.Module):
    """Hides tokens as BERT does (Devlin et al. 2019, section 3.1).

    What is hidden depends on the seed, the epoch, the row and the place in it, and on nothing else: how rows are
    batched, on how many processes, and whether a run was interrupted in between makes no difference.

    Args:
        tokenizer: its special tokens are never hidden, and never stand in for one.
        seed: of all draws.
        rate: share of the tokens that are asked for. Of each row at least one is, if it has any that may be.
        masked, random: shares of these that a mask, or any token of a text, stands in for; the rest stay as they are.

    Raises:
        UserError: the tokenizer has no mask.
    """

    ordinary: Tensor
    is_special: Tensor

    def __init__(
        self, tokenizer: Tokenizer, seed: int, rate: float = 0.15, masked: float = 0.8, random: float = 0.1
    ) -> None:
        super().__init__()
        mask = mask_id(tokenizer)
        if mask is None:
            raise UserError(
                "task=masked_lm hides tokens behind a mask, and this tokenizer has none ([MASK] or <mask>). "
                "Choose another tokenizer (all but tokenizer=pretrained have one), or task=language_modeling."
            )
        self.rate, self.masked, self.random, self.mask, self.seed = rate, masked, random, mask, seed
        is_special = torch.zeros(vocab_size(tokenizer), dtype=torch.bool)
        is_special[special_ids(tokenizer)] = True
        self.register_buffer("is_special", is_special, persistent=False)
        self.register_buffer("ordinary", (~is_special).nonzero().flatten(), persistent=False)

    def forward(self, batch: Batch, epoch: int | None) -> Question:
        """epoch: of training; None: the masks of evaluation, always the same."""
        token_ids, layout = batch.token_ids, batch.layout
        eligible = ~self.is_special[token_ids]
        if isinstance(layout, Packed):
            row, place = layout.rows, layout.positions
        else:
            sides = (torch.arange(size, device=token_ids.device) for size in token_ids.shape)
            row, place = torch.meshgrid(*sides, indexing="ij")
            if layout is not None:
                eligible &= ~layout
        # Random numbers that are looked up rather than drawn one after another: a hash of where they are for (Salmon et
        # al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
        key = _mixed(_mixed(torch.tensor(self.seed, device=row.device)) + (-1 if epoch is None else epoch))
        state = _mixed(_mixed(key + batch.rows[row]) + place)
        chance = _uniform(state, 0).masked_fill(~eligible, 2.0)
        lowest = chance.new_full((len(batch.rows),), 2.0).scatter_reduce(0, row.flatten(), chance.flatten(), "amin")
        chosen = eligible & ((chance < self.rate) | (chance == lowest[row]))
        fate = _uniform(state, 1)
        others = self.ordinary[(_uniform(state, 2) * len(self.ordinary)).long()]
        read = torch.where(chosen & (fate < self.masked), self.mask, token_ids)
        read = torch.where(chosen & (fate >= self.masked) & (fate < self.masked + self.random), others, read)
        return Question(read, chosen, token_ids[chosen], row[chosen])


def _uniform(state: Tensor, number: int) -> Tensor:
    """float32 from 0 to below 1 for each state, (...) int64; other ones for each number."""
    bits = _shifted(_mixed(state + number), 40)  # as many as a float32 has digits
    return bits.float() / 2**24


def _mixed(x: Tensor) -> Tensor:
    """int64 to int64: each bit of the result depends on all of x (SplitMix64, Steele et al. 2014); products wrap."""
    x = x + -0x61C8864680B583EB  # 0x9e3779b97f4a7c15 and so on, as signed numbers
    x = (x ^ _shifted(x, 30)) * -0x40A7B892E31B1A47
    x = (x ^ _shifted(x, 27)) * -0x6B2FB644ECCEEE15
    return x ^ _shifted(x, 31)


def _shifted(x: Tensor, bits: int) -> Tensor:
    """To the right, as if x had no sign."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)
