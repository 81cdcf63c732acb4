"""What the config of a model of ours may say: what the model is made with, and how it is trained.

The former is declared in `models.shape`, the latter here; schema, checks and help of `model` follow from both. Values
stand in `conf/model/`.
"""

from dataclasses import MISSING, dataclass

from sweepformer.models.options import Range, option, options
from sweepformer.models.shape import BagShape, TransformerShape, WideShape


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What a transformer has before it is trained."""

    init_from: str | None = option(
        None,
        "a run, or a checkpoint of one, whose encoder and tokenizer are taken over, e.g. outputs/pre/... "
        "(quote a path with a = in it)",
    )
    frozen_layers: int | None = option(
        None, "the lowest so many layers stay as they are, with the embeddings (0: these only)", null="all is trained"
    )


@dataclass(frozen=True, kw_only=True)
class WideFit:
    """Whether there is a wide path, and how it is fitted."""

    enabled: bool | None = option(
        MISSING,
        "false: the encoder answers alone",
        null="true where rows have one class each, and classes are not weighed",
    )
    features: int = option(
        MISSING, "at most so many n-grams, the most frequent (fewer where classes are very many)", Range(1, 100_000_000)
    )
    char_ngram_weight: float = option(
        MISSING,
        "weight of the character n-grams of words, by which words spelled alike learn together (0: each by itself)",
        Range(0, 100),
    )
    c_grid: list[float] = option(MISSING, "values of C to choose from by validation accuracy")  # noqa: RUF009  # a field


BEGINNING = options(Beginning)
WIDE = options(WideFit) | options(WideShape)
TRANSFORMER = options(TransformerShape) | BEGINNING
BAG_OF_NGRAMS = options(BagShape)
