"""From hidden states to answers: for a row, for each of its tokens, or which token of the vocabulary stands there."""

import torch.nn.functional as F
from torch import Tensor, nn

from sweepformer.models.dropout import Dropout
from sweepformer.models.encoder import init_linear
from sweepformer.models.layout import Layout
from sweepformer.models.mixing import Mixing
from sweepformer.models.pooling import Pooling


class TokenHead(nn.Module):
    """One answer for each vector: a linear layer, with `hidden` a second one before it.

    Args:
        width: of the vectors.
        outputs: numbers in an answer.
        hidden: width of the layer before; None: there is none.
        dropout: of the layers' inputs.
    """

    def __init__(self, width: int, outputs: int, hidden: int | None, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = [Dropout(dropout)]
        if hidden is not None:
            layers += [nn.Linear(width, hidden), nn.GELU(), Dropout(dropout)]
        logits = nn.Linear(hidden or width, outputs)
        self.layers = nn.Sequential(*layers, logits).apply(init_linear)
        # Small logits: the first loss is near log(outputs), with no class favoured by chance.
        nn.init.trunc_normal_(logits.weight, std=0.02)

    def forward(self, hidden: Tensor, layout: Layout = None) -> Tensor:
        """(..., width) float to (..., outputs)."""
        return self.layers(hidden)


class RowHead(TokenHead):
    """One answer a row: its vectors are pooled first. pooling: "mean", "max", "cls" or "attention"."""

    def __init__(self, width: int, outputs: int, hidden: int | None, dropout: float, pooling: str) -> None:
        super().__init__(width, outputs, hidden, dropout)
        self.pooling = Pooling(pooling, width)

    def forward(self, hidden: Tensor, layout: Layout = None, mixing: Mixing | None = None) -> Tensor:
        """(batch, length, width) float, or (tokens, width) if packed, to (batch, outputs).

        mixing: of the pooled vectors (Sun et al. 2020, Mixup-Transformer).
        """
        # The mask lacks the position of the "cls" vector, but that pooling does not read it.
        pooled = self.pooling(hidden, layout)
        return self.layers(pooled if mixing is None else mixing.of(pooled))


class VocabularyHead(nn.Module):
    """Logits of all tokens, by their own embeddings (Press and Wolf 2017), after a layer as BERT has it.

    Args:
        embedding: of the tokens, (vocabulary, width), shared.
    """

    def __init__(self, embedding: nn.Embedding) -> None:
        super().__init__()
        width = embedding.embedding_dim
        self.transform = nn.Linear(width, width).apply(init_linear)
        self.norm = nn.LayerNorm(width)
        self.embedding = embedding
        self.bias = nn.Parameter(embedding.weight.new_zeros(embedding.num_embeddings))

    def forward(self, hidden: Tensor, layout: Layout = None) -> Tensor:
        """(..., width) float to (..., vocabulary)."""
        return F.linear(self.norm(F.gelu(self.transform(hidden))), self.embedding.weight, self.bias)
