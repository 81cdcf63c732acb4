"""An encoder, a pooling and a head: sequences to class scores."""

from torch import Tensor, nn

from sweepformer.models.dropout import Dropout
from sweepformer.models.encoder import Encoder, init_linear
from sweepformer.models.layout import Layout
from sweepformer.models.pooling import Pooling


class TransformerClassifier(nn.Module):
    """A transformer encoder that labels sequences.

    The defaults are a pre-norm encoder with GELU. positional_encoding="sinusoidal", activation="relu" and
    norm_first=False make it the encoder of Vaswani et al. 2017, "Attention Is All You Need".

    Args:
        vocab_size: number of token ids.
        num_classes: number of classes.
        pad_id: the token that stands for no token.
        embedding_dim: width of a token's vector.
        num_heads: attention heads; they divide the width.
        num_layers: blocks of attention and feed-forward.
        dim_feedforward: hidden width of the feed-forward part.
        dropout: of embeddings, attention output and feed-forward.
        attention_dropout: of the attention weights.
        attention: how it is computed: "auto", "sdpa", "math", "blocks" or "varlen"; see `attention_kernels`.
        norm_first: pre-norm rather than post-norm.
        activation: "relu", "gelu" or "swiglu".
        positional_encoding: "sinusoidal", "learned", "rotary" or "none".
        pooling: "mean", "max", "cls" or "attention"; "cls" puts a learned vector before the sequence.
        max_length: the most tokens a sequence may have; longer ones raise a ValueError.
        classifier_dim: width of the head's hidden layer; None: a single linear layer.
        classifier_dropout: of the head's inputs.
    """

    def __init__(
        self,
        *,
        vocab_size: int,
        num_classes: int,
        pad_id: int = 0,
        embedding_dim: int = 128,
        num_heads: int = 4,
        num_layers: int = 2,
        dim_feedforward: int = 512,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        attention: str = "auto",
        norm_first: bool = True,
        activation: str = "gelu",
        positional_encoding: str = "sinusoidal",
        pooling: str = "mean",
        max_length: int = 256,
        classifier_dim: int | None = None,
        classifier_dropout: float = 0.1,
    ) -> None:
        super().__init__()
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
            prepend_cls=pooling == "cls",
        )
        width = self.encoder.output_dim
        self.pooling = Pooling(pooling, width)
        layers: list[nn.Module] = [Dropout(classifier_dropout)]
        if classifier_dim is not None:
            layers += [nn.Linear(width, classifier_dim), nn.GELU(), Dropout(classifier_dropout)]
            width = classifier_dim
        logits = nn.Linear(width, num_classes)
        self.head = nn.Sequential(*layers, logits).apply(init_linear)
        # Small logits: the first loss is near log(num_classes), with no class favoured by chance.
        nn.init.trunc_normal_(logits.weight, std=0.02)

    def training_flops(self, tokens: int, squared_lengths: int) -> int:
        """As the encoder's, beside which pooling and head cost nothing."""
        return self.encoder.training_flops(tokens, squared_lengths)

    def forward(self, token_ids: Tensor, layout: Layout = None) -> Tensor:
        """Logits, (batch, num_classes) float.

        token_ids: (batch, length) int64, or (tokens,) if packed. layout: (batch, length) bool, True where there
        is no token; None: there is no padding; or how the rows are packed.
        """
        hidden = self.encoder(token_ids, layout)
        # The mask lacks the position of the "cls" vector, but that pooling does not read it.
        return self.head(self.pooling(hidden, layout))
