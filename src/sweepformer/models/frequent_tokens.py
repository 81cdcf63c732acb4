"""Token vectors for as many tokens as are seen often enough to learn one."""

import torch
from torch import Tensor, nn


class FrequentTokens(nn.Embedding):
    """Vectors of tokens; those beyond the first `frequent` ids all have that of the unknown token.

    Where ids go by frequency, rare tokens so take no room, and the vector of what is unknown is learned from them.

    Args:
        vocab_size: number of token ids.
        width: of the vectors.
        frequent: how many tokens have a vector of their own, the unknown one among them; None: all.
        unknown_id: the unknown token.
        pad_id: the token whose vector is and stays zero; None: there is none.

    Raises:
        ValueError: tokens would have no vector, as it isn't said which is the unknown one.
    """

    def __init__(
        self,
        vocab_size: int,
        width: int,
        frequent: int | None = None,
        unknown_id: int | None = None,
        pad_id: int | None = None,
    ) -> None:
        super().__init__(vocab_size if frequent is None else min(frequent, vocab_size), width, padding_idx=pad_id)
        self.vocab_size, self.unknown_id = vocab_size, unknown_id
        if self.num_embeddings < vocab_size and (unknown_id is None or unknown_id >= self.num_embeddings):
            raise ValueError(f"frequent={frequent} of {vocab_size} tokens: the others need an unknown_id among these")

    def forward(self, token_ids: Tensor) -> Tensor:
        """(...) int64 to (..., width) float."""
        return super().forward(self.rows_of(token_ids))

    def rows_of(self, token_ids: Tensor) -> Tensor:
        """(...) int64 token ids to the rows of `weight` that stand for them."""
        if self.num_embeddings == self.vocab_size:
            return token_ids
        assert self.unknown_id is not None  # or all would have one
        return torch.where(token_ids < self.num_embeddings, token_ids, self.unknown_id)
