"""Types of the config groups that we own: which keys there are, and what each may hold.

The YAML files under `conf/` hold the values; through the dataclasses here a misspelt key or a wrong type fails while
the config is composed.
"""

from dataclasses import dataclass, field, make_dataclass
from enum import Enum
from typing import Any

from omegaconf import MISSING

from sweepformer.config.data_options import (
    ConllSchema,
    DataSchema,
    FilesSchema,
    FolderSchema,
    HubSchema,
    Icd10Schema,
    TokenizerSchema,
)
from sweepformer.config.model_options import BAG_OF_NGRAMS, TRANSFORMER, WIDE
from sweepformer.models.options import Option

Analyzer = Enum("Analyzer", "auto word char")
StratifyBy = Enum("StratifyBy", "nothing class classes number tags")
NumberLoss = Enum("NumberLoss", "mse huber mae")
LabelPieces = Enum("LabelPieces", "first all")
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

    stratify_by: StratifyBy = MISSING


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


def _schema(name: str, declared: dict[str, Option], **sections: type) -> type:
    """What OmegaConf composes a config with. A YAML gives every value; only what may be null is so if it doesn't."""
    made: list[tuple[str, Any, Any]] = []
    for key, one in declared.items():
        kind = _enum(key, one.choices) if one.choices else one.type
        null = bool(one.null) or one.admits_none
        made.append((key, kind | None if null else kind, field(default=None if null else MISSING)))
    made += [(key, section, field(default_factory=section)) for key, section in sections.items()]
    return make_dataclass(name, made, namespace={"__module__": __name__})


def _enum(key: str, choices: tuple[str, ...]) -> type[Enum]:
    """It has a name in this module, by which configs with values of it are pickled."""
    name = f"Model{key.title().replace('_', '')}"
    made: type[Enum] = Enum(name, list(choices), module=__name__)  # type: ignore[misc]
    globals()[name] = made
    return made


TARGET = {"_target_": Option(str, "the class of the model")}
WideSchema = _schema("WideSchema", WIDE)
ModelSchema = _schema("ModelSchema", TARGET | TRANSFORMER, wide=WideSchema)
BagOfNgramsSchema = _schema("BagOfNgramsSchema", TARGET | BAG_OF_NGRAMS)


@dataclass
class TfIdfSchema:
    """model=tfidf"""

    _target_: str = MISSING
    analyzer: Analyzer = MISSING
    ngrams: list[int] | None = None
    min_frequency: int = MISSING
    sublinear: bool = MISSING
    c_grid: list[float] = field(default_factory=list)


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
