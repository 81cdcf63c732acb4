"""An encoder and a head: sequences to answers."""

from typing import Any

import torch
from torch import Tensor, nn

from sweepformer.models.encoder import Encoder
from sweepformer.models.heads import Mixing, RowHead, TokenHead, VocabularyHead
from sweepformer.models.layout import Layout
from sweepformer.models.options import takes
from sweepformer.models.shape import TransformerShape, WideShape
from sweepformer.models.wide import WidePath


@takes(TransformerShape)
class Transformer(nn.Module):
    """A transformer encoder that labels sequences, or their tokens, or says which tokens they hold.

    The defaults are a pre-norm encoder with GELU. positional_encoding="sinusoidal", activation="relu" and
    norm_first=False make it the encoder of Vaswani et al. 2017, "Attention Is All You Need".
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        shape = TransformerShape(**options)
        self.encoder = Encoder(shape=shape, prepend_cls=shape.prepends_cls)
        width, outputs = shape.embedding_dim, shape.num_classes
        self.head: nn.Module
        if shape.predicts == "row":
            self.head = RowHead(width, outputs, shape.classifier_dim, shape.classifier_dropout, shape.pooling)
        elif shape.predicts == "token":
            self.head = TokenHead(width, outputs, shape.classifier_dim, shape.classifier_dropout)
        else:
            self.head = VocabularyHead(self.encoder.embedding.tokens)
        wide = WideShape(**shape.wide) if shape.wide and shape.predicts == "row" else None
        self.wide = WidePath(shape.vocab_size, outputs, wide) if wide else None

    @property
    def token_vectors(self) -> list[tuple[nn.Embedding, tuple[int, ...]]]:
        """The embeddings of what stands in a text, each with how many tokens its vectors stand for, call by call."""
        return [(self.encoder.embedding.tokens, (1,))]

    def training_flops(self, tokens: int, squared_lengths: int) -> int:
        """As the encoder's, beside which pooling and head cost little."""
        return self.encoder.training_flops(tokens, squared_lengths)

    def forward(
        self,
        token_ids: Tensor,
        layout: Layout = None,
        causal: bool = False,
        chosen: Tensor | None = None,
        mixing: Mixing | None = None,
        apart: bool = False,
    ) -> Tensor:
        """Logits, float: (batch, num_classes) of rows; (batch, length, num_classes) of tokens; of the vocabulary
        (batch, length, vocab_size), or (chosen, vocab_size).

        token_ids: (batch, length) int64, or (tokens,) if packed, as the result then is. layout: (batch, length) bool,
        True where there is no token; None: there is no padding; or how the rows are packed. causal: each position
        sees itself and those before it only. chosen: bool, shaped as token_ids: the positions to answer for; the
        others are spared the head's cost. mixing: how rows are mixed with each other, once each is one vector. apart:
        the encoder's logits and the wide path's beside each other, (batch, 2 num_classes), rather than pooled.

        In training, the encoder answers alone: the wide path knows the training rows by heart.
        """
        hidden = self.encoder(token_ids, layout, causal)
        if mixing is not None:
            return self.head(hidden, layout, mixing)
        deep = self.head(hidden if chosen is None else hidden[chosen], layout)
        if self.wide is None or self.training:
            return deep
        wide = self.wide(token_ids, layout)
        return torch.cat([deep.to(wide.dtype), wide], dim=1) if apart else self.wide.pooled(deep, wide)
