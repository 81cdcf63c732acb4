"""Types of the config groups that we own: which keys there are, and what each may hold.

The YAML files under `conf/` hold the values; through the dataclasses here a misspelt key or a wrong type fails while
the config is composed.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from omegaconf import MISSING

Activation = Enum("Activation", "relu gelu swiglu")
Attention = Enum("Attention", "auto sdpa math blocks varlen")
Positions = Enum("Positions", "sinusoidal learned rotary none")
Analyzer = Enum("Analyzer", "auto word char")
Stem = Enum("Stem", "none convolution")
Pooling = Enum("Pooling", "mean max cls attention")
TokenizerKind = Enum("TokenizerKind", "wordpiece bpe unigram word char byte auto pretrained")
Side = Enum("Side", "left right")
LongRows = Enum("LongRows", "head tail head_and_tail windows")
Batching = Enum("Batching", "tokens rows random")
Sampling = Enum("Sampling", "uniform balanced")
CutBy = Enum("CutBy", "nothing class classes number tags")
NumberLoss = Enum("NumberLoss", "mse huber mae")
LabelPieces = Enum("LabelPieces", "first all")
InvalidSpans = Enum("InvalidSpans", "repair refuse")
Mode = Enum("Mode", "max min")


@dataclass
class TaskSchema:
    """What every `task` has."""

    _target_: str = MISSING
    monitor: str = MISSING
    mode: Mode | None = MISSING


@dataclass
class ClassificationSchema(TaskSchema):
    """task=classification"""

    label_smoothing: float = MISSING
    class_weights: Any = MISSING  # a name, or numbers by class
    focal_gamma: float = MISSING
    r_drop: float = MISSING
    mixup: float = MISSING


@dataclass
class TextSchema(TaskSchema):
    """task=language_modeling"""

    cut_by: CutBy = MISSING


@dataclass
class MaskedLMSchema(TextSchema):
    """task=masked_lm"""

    rate: float = MISSING
    masked: float = MISSING
    random: float = MISSING


@dataclass
class MultilabelSchema(TaskSchema):
    """task=multilabel"""

    thresholds: str = MISSING


@dataclass
class RegressionSchema(TaskSchema):
    """task=regression"""

    loss: NumberLoss = MISSING


@dataclass
class TaggingSchema(TaskSchema):
    """task=tagging"""

    label_pieces: LabelPieces = MISSING
    label_smoothing: float = MISSING


@dataclass
class WideSchema:
    """model.wide"""

    enabled: bool | None = MISSING
    longest: int | None = None
    positions: bool = MISSING
    features: int = MISSING
    letters: float = 0.0
    strengths: list[float] = field(default_factory=list)


@dataclass
class ModelSchema:
    """Every `model` that is one of ours."""

    _target_: str = MISSING
    embedding_dim: int = MISSING
    num_heads: int = MISSING
    num_layers: int = MISSING
    dim_feedforward: int = MISSING
    dropout: float = MISSING
    attention_dropout: float = MISSING
    word_dropout: float = MISSING
    attention: Attention = MISSING
    norm_first: bool = MISSING
    activation: Activation = MISSING
    positional_encoding: Positions = MISSING
    embedding_std: float = MISSING
    stem: Stem | None = MISSING
    pooling: Pooling = MISSING
    max_length: int = MISSING
    classifier_dim: int | None = None
    classifier_dropout: float = MISSING
    init_from: str | None = None
    frozen_layers: int | None = None
    wide: WideSchema = field(default_factory=WideSchema)


@dataclass
class TfIdfSchema:
    """model=tfidf"""

    _target_: str = MISSING
    analyzer: Analyzer = MISSING
    ngrams: list[int] | None = None
    min_frequency: int = MISSING
    sublinear: bool = MISSING
    strengths: list[float] = field(default_factory=list)


@dataclass
class BagOfNgramsSchema:
    """model=bag_of_ngrams"""

    _target_: str = MISSING
    embedding_dim: int = MISSING
    longest: int = MISSING
    buckets: int = MISSING
    dropout: float = MISSING
    max_length: int = MISSING


@dataclass
class MajoritySchema:
    """model=majority"""

    _target_: str = MISSING


@dataclass
class WordFeaturesSchema:
    """model=word_features"""

    _target_: str = MISSING
    longest_affix: int = MISSING
    window: int = MISSING
    buckets: int = MISSING
    strength: float = MISSING
    epochs: int = MISSING


@dataclass
class DataSchema:
    """What every `data` has, whatever its source."""

    _target_: str = MISSING
    val_fraction: float = MISSING
    test_fraction: float = MISSING
    batch_size: int | None = MISSING
    eval_batch_size: int = MISSING
    batching: Batching = MISSING
    sampling: Sampling = MISSING
    long_rows: LongRows | None = None
    window_overlap: float = MISSING
    num_workers: int = MISSING
    cache_dir: str | None = None
    transform: Any = None


@dataclass
class FilesSchema(DataSchema):
    """data=files"""

    train_file: str = MISSING
    val_file: str | None = None
    test_file: str | None = None
    unlabelled_file: str | None = None
    text_column: str = MISSING
    pair_column: str | None = None
    label_column: str = MISSING
    label_separator: str = MISSING
    invalid_spans: InvalidSpans = MISSING
    group_column: str | None = None


@dataclass
class ConllSchema(DataSchema):
    """data=conll"""

    train_file: str = MISSING
    val_file: str | None = None
    test_file: str | None = None
    token_column: int = MISSING
    tag_column: int = MISSING
    separator: str | None = None
    invalid_spans: InvalidSpans = MISSING


@dataclass
class FolderSchema(DataSchema):
    """data=folder"""

    root: str = MISSING
    encoding: str | None = None


@dataclass
class HubSchema(DataSchema):
    """data=hub"""

    path: str = MISSING
    name: str | None = None
    text_column: str = MISSING
    pair_column: str | None = None
    label_column: str = MISSING
    label_separator: str = MISSING
    invalid_spans: InvalidSpans = MISSING
    group_column: str | None = None
    train_split: str = MISSING
    val_split: str | None = None
    test_split: str | None = None


@dataclass
class Icd10Schema(DataSchema):
    """data=icd10"""

    max_rows: int | None = None


@dataclass
class TokenizerSchema:
    """Every `tokenizer`."""

    kind: TokenizerKind = MISSING
    vocab_size: int = MISSING
    min_frequency: int = MISSING
    rare_words: int = 0
    lowercase: bool | None = MISSING
    truncation_side: Side = MISSING
    path: str | None = None


@dataclass
class OptimizerSchema:
    """What every `optimizer` has; the rest are its constructor's own names."""

    _target_: str = MISSING
    lr: float | None = MISSING
    weight_decay: float = MISSING


@dataclass
class AdamSchema(OptimizerSchema):
    """optimizer=adamw, adam"""

    betas: list[float] = field(default_factory=list)
    eps: float = MISSING
    fused: bool | None = None
    layer_decay: float = MISSING


@dataclass
class SgdSchema(OptimizerSchema):
    """optimizer=sgd"""

    momentum: float = MISSING
    nesterov: bool = MISSING
    fused: bool | None = None
    layer_decay: float = MISSING


@dataclass
class LionSchema(OptimizerSchema):
    """optimizer=lion"""

    betas: list[float] = field(default_factory=list)
    layer_decay: float = MISSING


@dataclass
class MuonSchema(OptimizerSchema):
    """optimizer=muon"""

    momentum: float = MISSING
    adamw_lr: float = MISSING
    adamw_betas: list[float] = field(default_factory=list)


@dataclass
class OneCycleSchema:
    """scheduler=onecycle"""

    _target_: str = MISSING
    max_lr: float | None = MISSING
    pct_start: float = MISSING
    cycle_momentum: bool = MISSING
    div_factor: float = MISSING
    final_div_factor: float = MISSING


@dataclass
class WarmupSchema:
    """scheduler=constant; warmup_steps counts steps from 1 on, and is a share of training below 1."""

    _target_: str = MISSING
    warmup: float = MISSING


@dataclass
class DecaySchema(WarmupSchema):
    """scheduler=cosine, linear"""

    final_ratio: float = MISSING


@dataclass
class WsdSchema(DecaySchema):
    """scheduler=wsd"""

    decay: float = MISSING


@dataclass
class PlateauSchema:
    """scheduler=plateau"""

    _target_: str = MISSING
    monitor: str = MISSING
    mode: Mode | None = MISSING
    factor: float = MISSING
    patience: int = MISSING


@dataclass
class SweepSchema:
    """sweep=default"""

    dry_run: bool = MISSING
    metric: str = MISSING
    mode: Mode | None = MISSING


SCHEMAS: dict[str, dict[str, type]] = {
    "task": {
        "classification": ClassificationSchema,
        "language_modeling": TextSchema,
        "masked_lm": MaskedLMSchema,
        "multilabel": MultilabelSchema,
        "regression": RegressionSchema,
        "tagging": TaggingSchema,
    },
    "model": {
        "encoder": ModelSchema,
        "tfidf": TfIdfSchema,
        "bag_of_ngrams": BagOfNgramsSchema,
        "majority": MajoritySchema,
        "word_features": WordFeaturesSchema,
    },
    "data": {
        "builtin": DataSchema,
        "icd10": Icd10Schema,
        "files": FilesSchema,
        "conll": ConllSchema,
        "folder": FolderSchema,
        "hub": HubSchema,
    },
    "tokenizer": {"tokenizer": TokenizerSchema},
    "optimizer": {"adam": AdamSchema, "sgd": SgdSchema, "lion": LionSchema, "muon": MuonSchema},
    "scheduler": {
        "onecycle": OneCycleSchema,
        "warmup": WarmupSchema,
        "decay": DecaySchema,
        "wsd": WsdSchema,
        "plateau": PlateauSchema,
    },
    "sweep": {"sweep": SweepSchema},
}
