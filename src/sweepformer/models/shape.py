"""What models are made with: each option stands here once.

Constructors, and of configs the schema, the checks and the help, follow from it. Nothing here needs torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweepformer.models.options import Range, check_values, given, option

PREDICTS = ("row", "token", "vocabulary")
ATTENTION = ("auto", "sdpa", "math", "blocks", "varlen")  # "varlen": batches are packed, see `attend_packed`
ACTIVATIONS = ("relu", "gelu", "swiglu")
POSITIONAL_ENCODINGS = ("sinusoidal", "learned", "rotary", "none")
STEMS = ("none", "convolution")
POOLINGS = ("mean", "max", "cls", "attention")

SIZE, MANY = Range(1, 1_000_000), Range(1, 1_000_000_000)
SHARE = Range(0, 1, below=True)


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The tokens that a model reads.

    Raises:
        ValueError: a value, of what is declared here or by a kind of it, is out of range or none of the choices.
    """

    vocab_size: int = given("number of token ids")
    frequent: int | None = given("tokens that have a vector of their own, those of the smallest ids; None: all", None)
    unknown_id: int | None = given("the token whose vector the others share: the unknown one", None)

    def __post_init__(self) -> None:
        check_values(self)


@dataclass(frozen=True, kw_only=True)
class EncoderShape(Vocabulary):
    """What an `Encoder` is made with; what the defaults are says `Transformer`."""

    pad_id: int = given("the token that stands for no token: its vector is and stays zero", 0)
    separator_id: int | None = given("the token between a row's two texts; None: rows have one text", None)

    embedding_dim: int = option(128, "width of a token's vector", SIZE)
    num_heads: int = option(4, "attention heads; they divide the width", SIZE)
    num_layers: int = option(2, "blocks of attention and feed-forward", SIZE)
    dim_feedforward: int = option(512, "hidden width of each layer's feed-forward part", SIZE)
    dropout: float = option(0.1, "of embeddings, attention output and feed-forward", SHARE)
    attention_dropout: float = option(0.0, "of attention weights", SHARE)
    word_dropout: float = option(0.0, "share of tokens left out, whole, while training", SHARE)
    attention: str = option("auto", "how it is computed (varlen: in packed batches)", choices=ATTENTION)
    norm_first: bool = option(True, "LayerNorm before each part (pre-norm) or after it (post-norm)")
    activation: str = option("gelu", "of the feed-forward part", choices=ACTIVATIONS)
    positional_encoding: str = option("sinusoidal", "of tokens' places", choices=POSITIONAL_ENCODINGS)
    embedding_std: float = option(
        1.0, "standard deviation of the tokens' vectors to begin with", Range(0, 100, above=True)
    )
    stem: str = option(
        "none",
        "between embeddings and layers, over a token and its two neighbours",
        choices=STEMS,
        null="convolution where the encoder answers alone, or as in init_from",
    )
    max_length: int = option(256, "tokens a row; longer rows are truncated", SIZE)


@dataclass(frozen=True, kw_only=True)
class TransformerShape(EncoderShape):
    """What a `Transformer` is made with: an encoder, a head, and perhaps a wide path beside them."""

    num_classes: int = given("numbers in an answer: of classes or tags, or 1")
    predicts: str = given("what is answered: each row or token, or which token stands there", "row", PREDICTS)

    pooling: str = option("mean", "how a row's vectors become one", choices=POOLINGS)
    classifier_dim: int | None = option(None, "hidden width of the classifier head", SIZE, null="a single linear layer")
    classifier_dropout: float = option(0.1, "of the classifier head's inputs", SHARE)
    wide: Mapping[str, Any] | None = given(
        "a linear classifier of n-grams, fitted before training, whose answers to rows are pooled with the encoder's",
        None,
    )


@dataclass(frozen=True, kw_only=True)
class WideShape:
    """What a `WidePath` is made with."""

    ngram_order: int = option(
        2, "tokens in the longest n-grams", Range(1, 100), null="5 where tokens are characters, else 2"
    )
    positions: bool = option(
        False, "single tokens also by their places, where rows are of one length and validation says so"
    )
    known: int = given("how many n-grams there will be; a state that is loaded brings its own", 0)


@dataclass(frozen=True, kw_only=True)
class BagShape(Vocabulary):
    """What a `BagOfNgrams` is made with."""

    num_classes: int = given("number of classes")

    embedding_dim: int = option(64, "width of the embeddings", MANY)
    ngram_order: int = option(2, "tokens in the longest n-grams", MANY)
    buckets: int = option(100_000, "embeddings that all n-grams of two tokens and more share", MANY)
    dropout: float = option(0.1, "of the mean", SHARE)
    max_length: int = option(256, "tokens a row; longer rows are truncated", MANY)
