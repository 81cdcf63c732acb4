"""An encoder and a head: sequences to answers for each row, each of its tokens, or which token stands there."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sweepformer.models.dropout import Dropout
from sweepformer.models.encoder import Encoder, init_linear
from sweepformer.models.layout import Layout, Packed
from sweepformer.models.options import check_choice, takes
from sweepformer.models.shape import POOLINGS, TransformerShape, WideShape
from sweepformer.models.wide import WidePath


class Mixing(NamedTuple):
    """Says how much of each row stays, and which other row makes up the rest (Zhang et al. 2018, mixup).

    shares: (rows, 1) float, from 0 to 1; partners: (rows,) int64.
    """

    shares: Tensor
    partners: Tensor

    @classmethod
    def drawn(cls, rows: int, alpha: float, device: torch.device) -> "Mixing":
        """Partners by chance and shares from Beta(alpha, alpha): small alphas leave most rows nearly as they are."""
        # Drawn on the CPU, and in 32 bits whatever a model is made in: the same everywhere. Smaller alphas would be 0.
        both = torch.tensor(max(alpha, 1e-3), dtype=torch.float32)
        shares = torch.distributions.Beta(both, both).sample((rows, 1))
        return cls(shares.to(device), torch.randperm(rows).to(device))

    def of(self, x: Tensor) -> Tensor:
        """(rows, width) float to the same, mixed."""
        shares = self.shares.to(x.dtype)
        return shares * x + (1 - shares) * x[self.partners]


class Pooling(nn.Module):
    """One vector for each sequence, in which padding does not count.

    "mean" and "max" go over the tokens, coordinate by coordinate. "cls" takes the first position, where a
    learned vector stands (Devlin et al. 2019, BERT). "attention" is a mean weighted by a softmax of each
    token's product with a learned vector (after Yang et al. 2016, hierarchical attention networks, without
    the hidden layer). A sequence that is all padding gives zeros ("cls" aside, which is never padding).
    """

    def __init__(self, kind: str, width: int) -> None:
        super().__init__()
        check_choice("pooling", kind, POOLINGS)
        self.kind = kind
        # Zero scores: it starts as the mean. No bias, as softmax would cancel it.
        self.score = nn.Parameter(torch.zeros(width)) if kind == "attention" else None

    def forward(self, hidden: Tensor, layout: Layout = None) -> Tensor:
        """(batch, length, width) float, or (tokens, width) if packed, to (batch, width); layout as `Transformer`'s."""
        if self.kind == "cls":
            return hidden[:, 0]
        # Padded for this one step: it costs nothing beside the layers.
        if isinstance(layout, Packed):
            hidden, layout = layout.padded(hidden), layout.padding_mask
        if layout is None:
            layout = torch.zeros(hidden.shape[:2], dtype=torch.bool, device=hidden.device)
        padding = layout[:, :, None]
        # The lowest number rather than -inf, which would turn a sequence that is all padding into NaN.
        lowest = torch.finfo(hidden.dtype).min
        if self.kind == "max":
            pooled = hidden.masked_fill(padding, lowest).amax(dim=1)
            return pooled.masked_fill(padding.all(dim=1), 0.0)
        if self.score is None:
            weights = (~padding).to(hidden.dtype)
            weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1)
        else:
            scores = (hidden * self.score).sum(dim=-1, keepdim=True)
            weights = scores.masked_fill(padding, lowest).softmax(dim=1).masked_fill(padding, 0.0)
        return (weights * hidden).sum(dim=1)


class TokenHead(nn.Module):
    """One answer of `outputs` numbers for each vector: a linear layer, with `hidden` another of that width before it.

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
        """As `Pooling.forward`, to (batch, outputs); mixing: of pooled vectors (Sun et al. 2020, Mixup-Transformer)."""
        # The mask lacks the position of the "cls" vector, but that pooling does not read it.
        pooled = self.pooling(hidden, layout)
        return self.layers(pooled if mixing is None else mixing.of(pooled))


class VocabularyHead(nn.Module):
    """Logits of all tokens, by their own embeddings (Press and Wolf 2017), after a layer as BERT has it."""

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


@takes(TransformerShape)
class Transformer(nn.Module):
    """A transformer encoder that labels sequences, or their tokens, or says which tokens they hold.

    The defaults are a pre-norm encoder with GELU. positional_encoding="sinusoidal", activation="relu" and
    norm_first=False make it the encoder of Vaswani et al. 2017, "Attention Is All You Need".
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        shape = TransformerShape(**options)
        self.encoder = Encoder(shape=shape, prepend_cls=shape.pooling == "cls" and shape.predicts == "row")
        classifier = shape.embedding_dim, shape.num_classes, shape.classifier_dim, shape.classifier_dropout
        self.head: nn.Module
        if shape.predicts == "row":
            self.head = RowHead(*classifier, shape.pooling)
        elif shape.predicts == "token":
            self.head = TokenHead(*classifier)
        else:
            self.head = VocabularyHead(self.encoder.embedding.tokens)
        wide = WideShape(**shape.wide) if shape.wide and shape.predicts == "row" else None
        self.wide = WidePath(shape.vocab_size, shape.num_classes, wide) if wide else None

    @property
    def token_vectors(self) -> list[tuple[nn.Embedding, tuple[int, ...]]]:
        """The embeddings of what stands in a text, each with how many tokens its vectors stand for, call by call."""
        return [(self.encoder.embedding.tokens, (1,))]

    def training_flops(self, tokens: int, squared_lengths: int) -> int:
        """Floating-point operations of training the encoder, beside which pooling and head cost little, on rows with
        `tokens` in all.

        Two for each weight and token forward and four backward, and as many for attention's two products, whose
        cost goes with the sum of the rows' squared lengths (Chowdhery et al. 2022, appendix B).
        """
        layers = (one for one in self.encoder.modules() if isinstance(one, nn.Linear))
        weights = sum(layer.weight.numel() for layer in layers)
        return 6 * weights * tokens + 12 * len(self.encoder.blocks) * self.encoder.output_dim * squared_lengths

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
