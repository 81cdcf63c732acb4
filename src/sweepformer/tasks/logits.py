"""From what a model says of a batch's sequences or tokens to logits of its rows or words."""

import torch
from torch import Tensor

from sweepformer.data.batches import Batch, Words


def row_logits(of_sequences: Tensor, batch: Batch) -> Tensor:
    """(sequences, outputs) float to (batch, outputs): of a row that is read in several windows their mean."""
    if batch.windows is None:
        return of_sequences
    # A product, as adding up by index has another order each time on a GPU.
    rows = torch.arange(len(batch.rows), device=batch.windows.device)
    belongs = (rows[:, None] == batch.windows).to(of_sequences.dtype)
    return belongs @ of_sequences / belongs.sum(1, keepdim=True)


def word_logits(of_tokens: Tensor, words: Words) -> Tensor:
    """(batch, length, tags) float, or (tokens, tags) if packed, to (words, tags): those of each word's first token.

    -inf where that was cut off with the end of a long row: there is no answer.
    """
    cut = (words.tokens < 0)[:, None]
    return of_tokens.flatten(0, -2)[words.tokens.clamp(min=0)].masked_fill(cut, -torch.inf)
