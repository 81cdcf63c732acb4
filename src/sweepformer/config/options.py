"""Types of the config groups that we own: which keys there are, and what each may hold.

The YAML files under `conf/` hold the values; through the dataclasses here a misspelt key or a wrong type fails while
the config is composed.
"""

from dataclasses import field, make_dataclass
from enum import Enum
from types import NoneType
from typing import Any, get_args

from omegaconf import MISSING

from sweepformer.config.ranges import BAG_OF_NGRAMS, TRANSFORMER, WIDE
from sweepformer.models.options import Option

Analyzer = Enum("Analyzer", "auto word char")
StratifyBy = Enum("StratifyBy", "nothing class classes number tags")
NumberLoss = Enum("NumberLoss", "mse huber mae")
LabelPieces = Enum("LabelPieces", "first all")
Mode = Enum("Mode", "max min")
TokenizerKind = Enum("TokenizerKind", "wordpiece bpe unigram word char byte auto pretrained")
Side = Enum("Side", "left right")
Truncation = Enum("Truncation", "head tail head_and_tail windows")
Batching = Enum("Batching", "tokens rows random")
Sampling = Enum("Sampling", "uniform balanced")
InvalidSpans = Enum("InvalidSpans", "repair refuse")
Blank = Enum("Blank", "refuse drop")
DropDuplicates = Enum("DropDuplicates", "train all none")
RareClasses = Enum("RareClasses", "refuse train drop")
UnseenLabels = Enum("UnseenLabels", "count refuse")
FileFormat = Enum("FileFormat", "csv jsonl json parquet xlsx lines fasttext fasta")


def schema(name: str, /, *above: type, **keys: Any) -> type:
    """The dataclass of this name that OmegaConf composes a config with; it has the keys of those above, too.

    keys: the type of each, or the type and the value where a YAML gives none. A YAML has to give every value; only what
    may be null is so if it doesn't.
    """
    made: list[tuple[str, Any, Any]] = []
    for key, one in keys.items():
        kind, default = one if isinstance(one, tuple) else (one, None if NoneType in get_args(one) else MISSING)
        made.append(
            (key, kind, field(default_factory=default) if isinstance(default, type) else field(default=default))
        )
    return _named(make_dataclass(name, made, bases=above, namespace={"__module__": __name__}))


def _named(made: Any) -> Any:
    """Configs are pickled by the names that types have in this module."""
    globals()[made.__name__] = made
    return made


def _declared(options: dict[str, Option]) -> dict[str, Any]:
    """The keys that are declared where a model takes them."""
    types: dict[str, Any] = {}
    for key, one in options.items():
        name = f"Model{key.title().replace('_', '')}"
        kind = _named(Enum(name, list(one.choices), module=__name__)) if one.choices else one.type
        types[key] = kind | None if one.null or one.admits_none else kind
    return types


OPEN_FLOAT, OPEN_MODE = (float | None, MISSING), (Mode | None, MISSING)  # where null has to be said
LIST = (list[float], list)
TARGET: dict[str, Any] = {"_target_": str}

Task = schema("TaskSchema", **TARGET, monitor=str, mode=OPEN_MODE)
Text = schema("TextSchema", Task, stratify_by=StratifyBy)
WideSchema = schema("WideSchema", **_declared(WIDE))
COLUMNS: dict[str, Any] = {
    "text_column": str, "pair_column": str | None, "label_column": Any, "label_separator": str,
    "invalid_spans": InvalidSpans, "blank": Blank, "group_column": str | None,
}  # fmt: skip
FILES: dict[str, Any] = {"train_file": str, "val_file": str | None, "test_file": str | None}
Data = schema(
    "DataSchema", **TARGET, val_fraction=float, test_fraction=float, drop_duplicates=DropDuplicates,
    rare_classes=RareClasses, unseen_labels=UnseenLabels, batch_size=(int | None, MISSING), eval_batch_size=int,
    batching=Batching, sampling=Sampling, truncation=Truncation | None, window_overlap=float, num_workers=int,
    cache_dir=str | None, transform=(Any, None),
)  # fmt: skip
Optimizer = schema("OptimizerSchema", **TARGET, lr=OPEN_FLOAT, weight_decay=float)  # and what the constructor takes
Warmup = schema("WarmupSchema", **TARGET, warmup=float)  # in steps, counted from 1; below 1 a share of training
Decay = schema("DecaySchema", Warmup, final_ratio=float)

SCHEMAS: dict[str, dict[str, type]] = {
    "task": {
        "classification": schema(
            "ClassificationSchema", Task, label_smoothing=float,
            class_weights=Any,  # a name, or numbers by class
            focal_gamma=float, r_drop=float, mixup=float,
        ),
        "language_modeling": Text,
        "masked_lm": schema("MaskedLMSchema", Text, rate=float, masked=float, random=float),
        "multilabel": schema("MultilabelSchema", Task, thresholds=str),
        "regression": schema("RegressionSchema", Task, loss=NumberLoss),
        "tagging": schema("TaggingSchema", Task, label_pieces=LabelPieces, label_smoothing=float),
    },
    "model": {
        "encoder": schema("ModelSchema", **TARGET, **_declared(TRANSFORMER), wide=(WideSchema, WideSchema)),
        "tfidf": schema(
            "TfIdfSchema", **TARGET, analyzer=Analyzer, ngrams=list[int] | None, min_frequency=int, sublinear=bool,
            c_grid=LIST,
        ),
        "bag_of_ngrams": schema("BagOfNgramsSchema", **TARGET, **_declared(BAG_OF_NGRAMS)),
        "majority": schema("MajoritySchema", **TARGET),
        "word_features": schema(
            "WordFeaturesSchema", **TARGET, longest_affix=int, window=int, buckets=int, strength=float, epochs=int
        ),
    },
    "data": {
        "builtin": Data,
        "icd10": schema("Icd10Schema", Data, max_rows=int | None),
        "files": schema(
            "FilesSchema", Data, **FILES, unlabelled_file=str | None, label_file=str | None, **COLUMNS,
            sentence_column=str | None, format=FileFormat | None, encoding=str | None, separator=str | None,
            quoting=bool | None, header=bool | None,
        ),
        "conll": schema(
            "ConllSchema", Data, **FILES, token_column=int, tag_column=int, separator=str | None,
            encoding=str | None, blank=Blank, invalid_spans=InvalidSpans,
        ),
        "folder": schema("FolderSchema", Data, root=str, blank=Blank, encoding=str | None),
        "hub": schema(
            "HubSchema", Data, path=str, name=str | None, **COLUMNS, train_split=str, val_split=str | None,
            test_split=str | None,
        ),
    },
    "tokenizer": {
        "tokenizer": schema(
            "TokenizerSchema", kind=TokenizerKind, vocab_size=int, min_frequency=int, rare_words=(int, 0),
            lowercase=(bool | None, MISSING), truncation_side=Side, path=str | None,
        ),
    },
    "optimizer": {
        "adam": schema("AdamSchema", Optimizer, betas=LIST, eps=float, fused=bool | None, layer_decay=float),
        "sgd": schema("SgdSchema", Optimizer, momentum=float, nesterov=bool, fused=bool | None, layer_decay=float),
        "lion": schema("LionSchema", Optimizer, betas=LIST, layer_decay=float),
        "muon": schema("MuonSchema", Optimizer, momentum=float, adamw_lr=float, adamw_betas=LIST),
    },
    "scheduler": {
        "onecycle": schema(
            "OneCycleSchema", **TARGET, max_lr=OPEN_FLOAT, pct_start=float, cycle_momentum=bool, div_factor=float,
            final_div_factor=float,
        ),
        "warmup": Warmup,
        "decay": Decay,
        "wsd": schema("WsdSchema", Decay, decay=float),
        "plateau": schema("PlateauSchema", **TARGET, monitor=str, mode=OPEN_MODE, factor=float, patience=int),
    },
    "sweep": {"sweep": schema("SweepSchema", dry_run=bool, metric=str, mode=OPEN_MODE)},
}  # fmt: skip
