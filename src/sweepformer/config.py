"""Types of the config groups that we own, resolvers, and the rules between keys.

The YAML files under `conf/` hold the values; the dataclasses here say which keys there are and what type each
has, so that a misspelt key or a wrong type fails while the config is composed. This module must stay quick to
import: `--help` waits for it.
"""

import difflib
import hashlib
import json
import os
import re
import uuid
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweepformer.errors import UserError
from sweepformer.tasks.kinds import kind_of

Activation = Enum("Activation", "relu gelu swiglu")
Attention = Enum("Attention", "auto sdpa math blocks varlen")
Positions = Enum("Positions", "sinusoidal learned rotary none")
Analyzer = Enum("Analyzer", "auto word char")
Pooling = Enum("Pooling", "mean max cls attention")
TokenizerKind = Enum("TokenizerKind", "wordpiece bpe unigram word char byte pretrained")
Side = Enum("Side", "left right")
LongRows = Enum("LongRows", "head tail head_and_tail windows")
Batching = Enum("Batching", "tokens rows random")
Sampling = Enum("Sampling", "uniform balanced")
CutBy = Enum("CutBy", "nothing class classes number tags")
NumberLoss = Enum("NumberLoss", "mse huber mae")
LabelPieces = Enum("LabelPieces", "first all")
InvalidSpans = Enum("InvalidSpans", "repair refuse")
Mode = Enum("Mode", "max min")


TOP_LEVEL = (
    "task", "model", "data", "tokenizer", "optimizer", "scheduler", "trainer", "callbacks", "logger", "seed", "name",
    "pretrain",
)  # fmt: skip
# Allowed by Lightning; the packages that others would need are not ours.
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true", "32", "16", "bf16", "64")


@dataclass
class TaskSchema:
    """What every `task` has."""

    _target_: str = MISSING
    monitor: str = MISSING
    mode: Mode = MISSING


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
    pooling: Pooling = MISSING
    max_length: int = MISSING
    classifier_dim: int | None = None
    classifier_dropout: float = MISSING
    init_from: str | None = None
    frozen_layers: int | None = None


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
    batch_size: int = MISSING
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
    lowercase: bool = MISSING
    truncation_side: Side = MISSING
    path: str | None = None


@dataclass
class OptimizerSchema:
    """What every `optimizer` has; the rest are its constructor's own names."""

    _target_: str = MISSING
    lr: float = MISSING
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
    max_lr: float = MISSING
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
    mode: str = MISSING
    factor: float = MISSING
    patience: int = MISSING


@dataclass
class SweepSchema:
    """sweep=default"""

    dry_run: bool = MISSING
    metric: str = MISSING
    mode: Mode = MISSING


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


def register() -> None:
    """Make the schemas and resolvers known to Hydra. Safe to call twice."""
    store = ConfigStore.instance()
    for group, schemas in SCHEMAS.items():
        for name, schema in schemas.items():
            store.store(group=f"schema/{group}", name=name, node=schema)
    OmegaConf.register_new_resolver("name_or", _name_or, replace=True)
    OmegaConf.register_new_resolver("safe_name", safe_name, replace=True)
    OmegaConf.register_new_resolver("short_id", lambda: uuid.uuid4().hex[:6], use_cache=True, replace=True)


def prefer_own_presets(conf: Path) -> None:
    """Let the files in `conf/hydra/` stand alone.

    Hydra would merge each with a plugin's node of the same name, deprecated long since, and warn of it.
    """
    from hydra.core.plugins import Plugins

    Plugins.instance()  # loads the plugins, which store their nodes
    nodes = ConfigStore.instance().repo["hydra"]
    for preset in conf.glob("hydra/*/*.yaml"):
        nodes.get(preset.parent.name, {}).pop(preset.name, None)


def _name_or(name: str | None, default: str) -> str:
    if name is None:
        return default
    if not re.fullmatch(r"[\w][\w.+=,@ -]{0,99}", str(name)):
        raise UserError(
            f"name={name!r} can't be a folder's name: use up to 100 letters, digits and _ . + = , @ - "
            "(no slashes, not starting with a dot)."
        )
    return str(name)


def safe_name(overrides: str, longest: int = 230) -> str:
    """Overrides as one folder name: of paths only the last part, and never longer than file systems allow."""
    name = re.sub(r"=[^,=]*/(?=[^,/]+)", "=", overrides)
    name = re.sub(r"[^\w.+=,@-]+", "_", name).strip("_")
    if len(name.encode()) <= longest:
        return name
    digest = hashlib.sha256(overrides.encode()).hexdigest()[:8]
    return name.encode()[: longest - 9].decode(errors="ignore") + "-" + digest


def plain(config: DictConfig) -> dict[str, Any]:
    """The config as dicts, lists and primitives, interpolations resolved and enums as their names."""
    try:
        return OmegaConf.to_container(  # type: ignore[return-value]
            config, resolve=True, throw_on_missing=True, enum_to_str=True
        )
    except OmegaConfBaseException as error:
        key = error.full_key or "the config"
        if "Missing mandatory value" in str(error):
            raise UserError(f"{key} has no value: give it on the command line as {key}=...") from error
        raise UserError(f"{key}: {str(error).splitlines()[0]}") from error


def config_hash(config: dict[str, Any]) -> str:
    """Sixteen hex digits that name a plain config."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]


def differences(old: Any, new: Any, key: str = "") -> list[str]:
    """What differs between two plain configs, a line a key."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys(), key=str)
        return [
            line
            for name in keys
            for line in differences(old.get(name, "(absent)"), new.get(name, "(absent)"), f"{key}.{name}".lstrip("."))
        ]
    return [] if old == new else [f"{key}: {old} there, {new} now"]


def check(config: dict[str, Any]) -> None:
    """The rules that no single type expresses. Runs before any data is read.

    Raises:
        UserError: naming the key, what was given and what is allowed.
    """
    for key in config:
        if key not in TOP_LEVEL:
            near = difflib.get_close_matches(key, TOP_LEVEL, n=1)
            raise UserError(f"{key}: there is no such key." + (f" Did you mean {near[0]}?" if near else ""))
    for group in ("task", "model", "data", "optimizer", "scheduler", "trainer"):
        if not isinstance(config[group], dict) or not config[group].get("_target_"):
            raise UserError(f"{group}._target_ is missing: name the class or function, as package.module.Name.")
    for key in ("kind", "vocab_size", "min_frequency", "lowercase", "truncation_side"):
        if key not in config["tokenizer"]:
            raise UserError(f"tokenizer.{key} is missing: begin a YAML of your own with defaults: [wordpiece, _self_].")
    seed = config["seed"]
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise UserError(f"seed={seed!r} must be a whole number from 0 to {2**32 - 1}.")
    _check_data(config["data"])
    _check_long_rows(config)
    _check_tokenizer(config["tokenizer"])
    if config["model"].get("_target_", "").startswith("sweepformer.models.transformer."):
        _check_model(config["model"], config["tokenizer"]["vocab_size"])
    _in_range("optimizer.lr", config["optimizer"].get("lr", 1.0), 0, 100, above=True)
    _in_range("optimizer.weight_decay", config["optimizer"].get("weight_decay", 0.0), 0, 100)
    _in_range("optimizer.layer_decay", config["optimizer"].get("layer_decay", 1.0), 0, 1, above=True)
    for key in ("betas", "adamw_betas"):
        betas = config["optimizer"].get(key)
        if betas is not None and not (len(betas) == 2 and all(0 <= beta < 1 for beta in betas)):
            raise UserError(f"optimizer.{key}={betas}: give two numbers from 0 to below 1, such as [0.9,0.999].")
    _check_task(config["task"], config["data"].get("sampling", "uniform"))
    _check_texts(config)
    scheduler = config["scheduler"]
    if "pct_start" in scheduler:
        _in_range("scheduler.pct_start", scheduler["pct_start"], 0, 0.999)
        _in_range("scheduler.max_lr", scheduler["max_lr"], 0, 100, above=True)
    for share in ("final_ratio", "decay"):
        if share in scheduler:
            _in_range(f"scheduler.{share}", scheduler[share], 0, 1)
    if "warmup" in scheduler:
        _in_range("scheduler.warmup", scheduler["warmup"], 0, 1e9)
    if "div_factor" in scheduler:
        _in_range("scheduler.div_factor", scheduler["div_factor"], 0, 1e9, above=True)
        _in_range("scheduler.final_div_factor", scheduler["final_div_factor"], 0, 1e12, above=True)
    _check_trainer(config["trainer"])
    _check_monitors(config)


def _check_task(task: dict[str, Any], sampling: str) -> None:
    _check_thresholds(task.get("thresholds", "fitted"))
    _in_range("task.label_smoothing", task.get("label_smoothing", 0.0), 0, 0.999)
    for key in ("focal_gamma", "r_drop", "mixup"):
        _in_range(f"task.{key}", task.get(key, 0.0), 0, 100)
    weights = task.get("class_weights", "none")
    if isinstance(weights, dict):
        for name, weight in weights.items():
            _in_range(f"task.class_weights.{name}", weight, 0, 1_000_000)
    elif weights not in ("none", "balanced"):
        raise UserError(
            f"task.class_weights={weights!r} is not one of none, balanced. Or give numbers by class: "
            "'task.class_weights={spam: 5}'."
        )
    if sampling == "uniform":
        return
    kind = kind_of(task)
    if kind is not None and kind.labels != "class":
        raise UserError(
            f"data.sampling={sampling} draws as many rows of each class, and rows of this task have no class. "
            "Use data.sampling=uniform."
        )
    if weights == "balanced":
        raise UserError(
            f"data.sampling={sampling} and task.class_weights=balanced each make up for rare classes, and together "
            "would favour them. Leave one of them out."
        )


def _check_texts(config: dict[str, Any]) -> None:
    """The tasks that learn from texts alone, and the runs that begin with what these have learned."""
    task, kind = config["task"], kind_of(config["task"])
    if "rate" in task:
        _in_range("task.rate", task["rate"], 0, 1, above=True)
        for key in ("masked", "random"):
            _in_range(f"task.{key}", task[key], 0, 1)
        if task["masked"] + task["random"] > 1:
            raise UserError(f"task.masked={task['masked']} and task.random={task['random']}: together at most 1.")
    if task["_target_"].endswith(".LanguageModeling") and config["model"].get("attention") == "varlen":
        raise UserError(
            "model.attention=varlen packs rows one after another, and task=language_modeling needs them apart, so that "
            "none sees the next token. Choose another attention (auto), or task=masked_lm."
        )
    pretrain = config.get("pretrain")
    begins = pretrain or config["model"].get("init_from")
    if config["data"].get("unlabelled_file") and kind and kind.labels != "nothing" and not begins:
        raise UserError(
            "data.unlabelled_file: this task learns from labels. It is for task=masked_lm, task=language_modeling and "
            "experiment=pretrain_then_classify."
        )
    if pretrain is None:
        return
    if not isinstance(pretrain, dict) or not isinstance(pretrain.get("task"), dict):
        raise UserError(
            "pretrain: say at least which task comes first, as experiments/pretrain_then_classify.yaml does, or take "
            "that: experiment=pretrain_then_classify."
        )
    if wrong := sorted(pretrain.keys() - set(TOP_LEVEL) | pretrain.keys() & {"pretrain", "name", "seed"}):
        raise UserError(f"pretrain.{wrong[0]}: the first run can't have its own. It can have: task, trainer, data, ...")
    trainer = config["trainer"]
    if str(trainer.get("devices", 1)) != "1" and not re.search("fork|spawn", str(trainer.get("strategy"))):
        raise UserError(
            f"trainer.devices={trainer['devices']} with pretrain: processes that are started as this command again "
            "would each do both runs. Use trainer.devices=1 or trainer.strategy=ddp_spawn; or two commands, "
            "task=masked_lm and then model.init_from=RUN."
        )


def _check_thresholds(thresholds: Any) -> None:
    try:
        sound = thresholds == "fitted" or 0 < float(thresholds) < 1
    except (TypeError, ValueError):
        sound = False
    if not sound:
        raise UserError(f"task.thresholds={thresholds}: give fitted, or one number between 0 and 1, such as 0.5.")


def _check_trainer(trainer: dict[str, Any]) -> None:
    for key in ("max_epochs", "max_steps"):
        if trainer.get(key) is not None:
            _in_range(f"trainer.{key}", trainer[key], -1, 1e12)
    if 0 in (trainer.get("max_epochs"), trainer.get("max_steps"), trainer.get("limit_train_batches", 1)):
        raise UserError("trainer.max_epochs, max_steps or limit_train_batches is 0: there would be nothing to train.")
    for key in ("accumulate_grad_batches", "log_every_n_steps", "check_val_every_n_epoch"):
        if trainer.get(key) is not None:
            _in_range(f"trainer.{key}", trainer[key], 1, 1e9)
    if trainer.get("gradient_clip_val") is not None:
        _in_range("trainer.gradient_clip_val", trainer["gradient_clip_val"], 0, 1e9)
    for key in ("limit_train_batches", "limit_val_batches", "limit_test_batches", "overfit_batches"):
        if trainer.get(key) is not None:
            _in_range(f"trainer.{key}", trainer[key], 0, 1e12)
    if str(trainer.get("precision", "32-true")) not in PRECISIONS:
        raise UserError(f"trainer.precision={trainer['precision']} is not one of {', '.join(PRECISIONS)}.")


def _check_monitors(config: dict[str, Any]) -> None:
    """A misspelt metric would be found after an epoch only. Tasks of a user's own may log what they like."""
    kind = kind_of(config["task"])
    if kind is None:
        return
    parts = {f"callbacks.{name}": one for name, one in (config.get("callbacks") or {}).items()}
    for key, options in {"task": config["task"], **parts, "scheduler": config["scheduler"]}.items():
        monitor = options.get("monitor") if isinstance(options, dict) else None
        if monitor is not None and monitor not in kind.logged:
            near = difflib.get_close_matches(monitor, kind.logged, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UserError(
                f"{key}.monitor={monitor}: there is no such metric. There are: {', '.join(kind.logged)}.{hint}"
            )


def _check_data(data: dict[str, Any]) -> None:
    for key in ("batch_size", "eval_batch_size"):
        if key in data:
            _in_range(f"data.{key}", data[key], 1, 1_000_000)
    for key in ("val_fraction", "test_fraction"):
        if key in data:
            _in_range(f"data.{key}", data[key], 0, 1, above=True, below=True)
    if data.get("label_separator") == "":
        raise UserError("data.label_separator is empty: say what stands between the classes of a row, such as ','.")
    if data.get("max_rows") is not None:
        _in_range("data.max_rows", data["max_rows"], 1, 1e12)
    if "num_workers" in data:
        _in_range("data.num_workers", data["num_workers"], 0, 256)


def _check_long_rows(config: dict[str, Any]) -> None:
    data, kind = config["data"], kind_of(config["task"])
    part = data.get("long_rows")
    _in_range("data.window_overlap", data.get("window_overlap", 0.0), 0, 1, below=True)
    if part not in (None, "tail") and config["tokenizer"]["truncation_side"] == "left":
        raise UserError(
            f"data.long_rows={part} and tokenizer.truncation_side=left contradict each other: leave one of them out."
        )
    if part in ("head_and_tail", "windows") and data.get("pair_column"):
        raise UserError(f"data.long_rows={part} is for rows of one text; with data.pair_column choose head or tail.")
    if part == "windows" and kind is not None and kind.predicts != "row":
        raise UserError(
            "data.long_rows=windows averages a row's answers, and this task answers for tokens. Choose head, tail or "
            "head_and_tail, or raise model.max_length."
        )
    if part == "windows" and config["task"].get("mixup"):
        raise UserError("data.long_rows=windows and task.mixup don't go together: which windows of two rows would mix?")


def _check_tokenizer(tokenizer: dict[str, Any]) -> None:
    _in_range("tokenizer.vocab_size", tokenizer["vocab_size"], 10, 10_000_000)
    _in_range("tokenizer.min_frequency", tokenizer["min_frequency"], 1, 1_000_000)


def _check_model(model: dict[str, Any], vocab_size: int) -> None:
    known = [field.name for field in fields(ModelSchema)]
    for key in model:
        if key not in known:  # a YAML of a user's own that doesn't inherit the schema
            near = difflib.get_close_matches(key, known, n=1)
            raise UserError(f"model.{key}: there is no such key." + (f" Did you mean model.{near[0]}?" if near else ""))
    for key in ("embedding_dim", "num_heads", "num_layers", "dim_feedforward", "max_length"):
        _in_range(f"model.{key}", model.get(key, 1), 1, 1_000_000)
    for key in ("dropout", "attention_dropout", "word_dropout", "classifier_dropout"):
        _in_range(f"model.{key}", model.get(key, 0), 0, 1, below=True)
    if model.get("classifier_dim") is not None:
        _in_range("model.classifier_dim", model["classifier_dim"], 1, 1_000_000)
    if model.get("frozen_layers") is not None:
        _in_range("model.frozen_layers", model["frozen_layers"], 0, model.get("num_layers", 1_000_000))
    if model.get("attention") == "varlen" and model.get("pooling") == "cls":
        raise UserError(
            "model.attention=varlen packs rows without gaps, and model.pooling=cls needs a place before each. "
            "Choose another pooling (mean, max, attention) or another attention (auto)."
        )
    if not {"embedding_dim", "num_heads", "num_layers", "dim_feedforward"} <= model.keys():
        return  # left to the class's own defaults
    width, heads = model["embedding_dim"], model["num_heads"]
    if width % heads:
        allowed = ", ".join(str(n) for n in range(1, min(width, 64) + 1) if width % n == 0)
        raise UserError(
            f"model.num_heads={heads} doesn't divide model.embedding_dim={width}: "
            f"every head takes an equal part of the width. Heads that do: {allowed}."
        )
    if model.get("positional_encoding") == "rotary" and (width // heads) % 2:
        raise UserError(
            f"model.positional_encoding=rotary turns pairs of numbers, and model.embedding_dim={width} over "
            f"model.num_heads={heads} leaves heads of odd width {width // heads}. Choose an even head width."
        )
    if model.get("positional_encoding") == "sinusoidal" and width % 2:
        raise UserError(f"model.embedding_dim={width} is odd: sinusoidal positions need an even width.")
    block = 4 * width * width + 3 * width * model["dim_feedforward"]
    needed = 16 * (vocab_size * width + model["num_layers"] * block)  # weight, gradient, two moments: 4 bytes each
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > memory:
        raise UserError(
            f"model.embedding_dim={width}, model.num_layers={model['num_layers']}, model.dim_feedforward="
            f"{model['dim_feedforward']}: training this model takes about {needed / 2**30:,.0f} GiB for weights "
            f"and optimizer alone, and this machine has {memory / 2**30:,.0f} GiB. Choose smaller sizes."
        )


def _in_range(key: str, value: Any, low: float, high: float, above: bool = False, below: bool = False) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and low <= value <= high and not (above and value == low) and not (below and value == high):
        return
    lower = f"above {low}" if above else f"at least {low}"
    upper = f"below {high:,}" if below else f"at most {high:,}"
    if not number:
        raise UserError(f"{key}={value!r} must be a number, {lower} and {upper}.")
    raise UserError(f"{key}={value} is out of range: it must be {lower} and {upper}.")
