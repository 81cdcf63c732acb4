"""An encoder and a head: sequences to answers."""

from typing import Any

import torch
from torch import Tensor, nn

from sweepformer.models.choices import check_choice
from sweepformer.models.encoder import Encoder
from sweepformer.models.heads import Mixing, RowHead, TokenHead, VocabularyHead
from sweepformer.models.layout import Layout
from sweepformer.models.wide import WidePath

PREDICTS = ("row", "token", "vocabulary")


class Transformer(nn.Module):
    """A transformer encoder that labels sequences, or their tokens, or says which tokens they hold.

    The defaults are a pre-norm encoder with GELU. positional_encoding="sinusoidal", activation="relu" and
    norm_first=False make it the encoder of Vaswani et al. 2017, "Attention Is All You Need".

    Args:
        vocab_size: number of token ids.
        num_classes: numbers in an answer: of classes or tags, or 1.
        predicts: what is answered: each "row", each "token", or which token of the "vocabulary" stands there.
        pad_id: the token that stands for no token.
        separator_id: the token between a row's two texts, after which another vector is added to the tokens'
            (Devlin et al. 2019, segment embeddings); None: rows have one text.
        embedding_dim: width of a token's vector.
        num_heads: attention heads; they divide the width.
        num_layers: blocks of attention and feed-forward.
        dim_feedforward: hidden width of the feed-forward part.
        dropout: of embeddings, attention output and feed-forward.
        attention_dropout: of the attention weights.
        word_dropout: share of tokens left out while training (Iyyer et al. 2015).
        attention: how it is computed: "auto", "sdpa", "math", "blocks" or "varlen"; see `attention_kernels`.
        norm_first: pre-norm rather than post-norm.
        activation: "relu", "gelu" or "swiglu".
        positional_encoding: "sinusoidal", "learned", "rotary" or "none".
        pooling: of rows: "mean", "max", "cls" or "attention"; "cls" puts a learned vector before the sequence.
        max_length: the most tokens a sequence may have; longer ones raise a ValueError.
        classifier_dim: width of the hidden layer of the head of rows and tokens; None: a single linear layer.
        classifier_dropout: of the head's inputs.
        embedding_std: standard deviation of the token vectors to begin with; positions that are added are scaled alike.
        stem: between embeddings and layers: "none", or a "convolution" over each token and its two neighbours.
        wide: what a linear classifier of rows' n-grams is made with that answers beside the encoder, unless in
            training: `WidePath`; None: there is none.
        frequent: how many tokens the encoder knows, those of the smallest ids; None: all. N-grams know all.
        unknown_id: what the others are to the encoder: the unknown token.
    """

    def __init__(
        self,
        *,
        vocab_size: int,
        num_classes: int,
        predicts: str = "row",
        pad_id: int = 0,
        separator_id: int | None = None,
        embedding_dim: int = 128,
        num_heads: int = 4,
        num_layers: int = 2,
        dim_feedforward: int = 512,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        word_dropout: float = 0.0,
        attention: str = "auto",
        norm_first: bool = True,
        activation: str = "gelu",
        positional_encoding: str = "sinusoidal",
        pooling: str = "mean",
        max_length: int = 256,
        classifier_dim: int | None = None,
        classifier_dropout: float = 0.1,
        embedding_std: float = 1.0,
        stem: str = "none",
        wide: dict[str, Any] | None = None,
        frequent: int | None = None,
        unknown_id: int | None = None,
    ) -> None:
        super().__init__()
        check_choice("predicts", predicts, PREDICTS)
        self.encoder = Encoder(
            vocab_size=vocab_size,
            embedding_dim=embedding_dim,
            num_heads=num_heads,
            num_layers=num_layers,
            dim_feedforward=dim_feedforward,
            dropout=dropout,
            attention_dropout=attention_dropout,
            attention=attention,
            norm_first=norm_first,
            activation=activation,
            positional_encoding=positional_encoding,
            max_length=max_length,
            pad_id=pad_id,
            prepend_cls=pooling == "cls" and predicts == "row",
            separator_id=separator_id,
            word_dropout=word_dropout,
            embedding_std=embedding_std,
            stem=stem,
            frequent=frequent,
            unknown_id=unknown_id,
        )
        width = self.encoder.output_dim
        self.head: nn.Module
        if predicts == "row":
            self.head = RowHead(width, num_classes, classifier_dim, classifier_dropout, pooling)
        elif predicts == "token":
            self.head = TokenHead(width, num_classes, classifier_dim, classifier_dropout)
        else:
            self.head = VocabularyHead(self.encoder.embedding.tokens)
        self.wide = WidePath(vocab_size, num_classes, **wide) if wide and predicts == "row" else None

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
