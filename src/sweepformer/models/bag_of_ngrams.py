"""The mean of what tokens and their neighbours stand for: fast, and blind to order beyond that."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sweepformer.models.dropout import Dropout
from sweepformer.models.embeddings import FrequentTokens
from sweepformer.models.encoder import init_linear
from sweepformer.models.heads import Mixing
from sweepformer.models.layout import Layout, Packed

# Odd and large: neighbouring ids land far apart.
HASH = 1_000_003
MOST = 1_000_000_000  # of anything that is a size


class BagOfNgrams(nn.Module):
    """Averaged embeddings of tokens and of hashed n-grams, and a linear layer (Joulin et al. 2017, fastText).

    Args:
        vocab_size: number of token ids.
        num_classes: number of classes.
        embedding_dim: width of the embeddings.
        longest: tokens in the longest n-grams; 1: no order at all.
        buckets: embeddings that all n-grams of two tokens and more share, by a hash.
        dropout: of the mean.
        max_length: the most tokens a sequence may have.
        frequent: how many tokens are known, those of the smallest ids; None: all.
        unknown_id: what the others are: the unknown token.
    """

    predicts: ClassVar[tuple[str, ...]] = ("row",)  # what it can answer for, of `tasks.kinds.Kind.predicts`

    def __init__(
        self,
        *,
        vocab_size: int,
        num_classes: int,
        embedding_dim: int = 64,
        longest: int = 2,
        buckets: int = 100_000,
        dropout: float = 0.1,
        max_length: int = 256,
        frequent: int | None = None,
        unknown_id: int | None = None,
    ) -> None:
        super().__init__()
        for name, value in (("embedding_dim", embedding_dim), ("longest", longest), ("buckets", buckets)):
            if not 1 <= value <= MOST:
                raise ValueError(f"{name}={value} must be at least 1 and at most {MOST:,}")
        self.longest, self.buckets, self.max_length = longest, buckets, max_length
        self.tokens = FrequentTokens(vocab_size, embedding_dim, frequent, unknown_id)
        self.ngrams = nn.Embedding(buckets, embedding_dim)
        for embedding in (self.tokens, self.ngrams):
            nn.init.uniform_(embedding.weight, -1 / embedding_dim, 1 / embedding_dim)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(embedding_dim, num_classes).apply(init_linear)

    @property
    def token_vectors(self) -> list[tuple[nn.Embedding, tuple[int, ...]]]:
        """As `Transformer.token_vectors`."""
        return [(self.tokens, (1,)), (self.ngrams, tuple(range(2, self.longest + 1)))]

    def forward(self, token_ids: Tensor, layout: Layout = None, mixing: Mixing | None = None) -> Tensor:
        """Logits, (batch, num_classes) float; arguments as `Transformer.forward`."""
        if isinstance(layout, Packed):
            token_ids, layout = layout.padded(token_ids), layout.padding_mask
        real = torch.ones_like(token_ids, dtype=torch.bool) if layout is None else ~layout
        token_ids = self.tokens.rows_of(token_ids)
        total = _sum(self.tokens(token_ids), real)
        count = real.sum(1, keepdim=True)
        hashed = token_ids
        for _ in range(2, self.longest + 1):
            # A token is taken to those before it; what ends in padding, or begins before the row, is none.
            hashed = (F.pad(hashed, (1, 0))[:, :-1] * HASH + token_ids) % self.buckets
            real = F.pad(real, (1, 0))[:, :-1] & real
            total = total + _sum(self.ngrams(hashed), real)
            count = count + real.sum(1, keepdim=True)
        mean = total / count
        return self.head(self.dropout(mean if mixing is None else mixing.of(mean)))


def _sum(vectors: Tensor, real: Tensor) -> Tensor:
    """(batch, length, width) to (batch, width), over the positions that hold something."""
    return (vectors * real[..., None]).sum(1)
