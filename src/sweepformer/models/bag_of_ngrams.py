"""The mean of what tokens and their neighbours stand for: fast, and blind to order beyond that."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sweepformer.models.dropout import Dropout
from sweepformer.models.embeddings import FrequentTokens
from sweepformer.models.encoder import init_linear
from sweepformer.models.layout import Layout, Packed
from sweepformer.models.options import takes
from sweepformer.models.shape import BagShape
from sweepformer.models.transformer import Mixing

HASH = 1_000_003  # odd and large: neighbouring ids land far apart


@takes(BagShape)
class BagOfNgrams(nn.Module):
    """Averaged embeddings of tokens and of hashed n-grams, and a linear layer (Joulin et al. 2017, fastText).

    N-grams of two tokens and more share their embeddings by a hash.
    """

    predicts: ClassVar[tuple[str, ...]] = ("row",)  # what it can answer for, of `Kind.predicts`

    def __init__(self, **options: Any) -> None:
        super().__init__()
        shape = BagShape(**options)
        width = shape.embedding_dim
        self.ngram_order, self.buckets, self.max_length = shape.ngram_order, shape.buckets, shape.max_length
        self.tokens = FrequentTokens(shape.vocab_size, width, shape.frequent, shape.unknown_id)
        self.ngrams = nn.Embedding(shape.buckets, width)
        for embedding in (self.tokens, self.ngrams):
            nn.init.uniform_(embedding.weight, -1 / width, 1 / width)
        self.dropout = Dropout(shape.dropout)
        self.head = nn.Linear(width, shape.num_classes).apply(init_linear)

    @property
    def token_vectors(self) -> list[tuple[nn.Embedding, tuple[int, ...]]]:
        """As `Transformer.token_vectors`."""
        return [(self.tokens, (1,)), (self.ngrams, tuple(range(2, self.ngram_order + 1)))]

    def forward(self, token_ids: Tensor, layout: Layout = None, mixing: Mixing | None = None) -> Tensor:
        """Logits, (batch, num_classes) float; arguments as `Transformer.forward`."""
        if isinstance(layout, Packed):
            token_ids, layout = layout.padded(token_ids), layout.padding_mask
        real = torch.ones_like(token_ids, dtype=torch.bool) if layout is None else ~layout
        token_ids = self.tokens.rows_of(token_ids)
        total = _sum(self.tokens(token_ids), real)
        count = real.sum(1, keepdim=True)
        hashed = token_ids
        for _ in range(2, self.ngram_order + 1):
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
