"""Which keys a config must have, as they can be deleted (~key) or set to anything, and which numbers they may hold.

What the config of a model of ours may say is declared as options: what the model is made with in `models.shape`, how it
is trained here. Schema, checks and help of `model` follow from both; values stand in `conf/model/`.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any

from sweepformer.config.plain import check_names
from sweepformer.errors import UserError, hint
from sweepformer.models.options import Option, Range, is_number, option, options
from sweepformer.models.shape import BagShape, TransformerShape, WideShape

TOP_LEVEL = (
    "task", "model", "data", "tokenizer", "optimizer", "scheduler", "trainer", "callbacks", "logger", "seed", "name",
    "pretrain", "recipe",
)  # fmt: skip
NEEDED = ("task", "model", "data", "tokenizer", "optimizer", "scheduler", "trainer")
OF_TOKENIZERS = ("kind", "vocab_size", "min_frequency", "lowercase", "truncation_side")
OF_SOME_TOKENIZERS = ("path", "rare_words")
SHARE, ABOVE_0, WEIGHT = Range(0, 1), Range(0, 1, above=True), Range(0, 100)
RATE = Range(0, 100, above=True)
ROWS, BATCHES, EVERY, LAST = Range(1, 1_000_000), Range(0, 1e12), Range(1, 1e9), Range(-1, 1e12)
RANGES: dict[str, dict[str, Range]] = {
    "data": {
        **dict.fromkeys(("batch_size", "eval_batch_size"), ROWS),
        **dict.fromkeys(("val_fraction", "test_fraction"), Range(0, 1, above=True, below=True)),
        "max_rows": Range(1, 1e12),
        "num_workers": Range(0, 256),
        "window_overlap": Range(0, 1, below=True),
    },
    "tokenizer": {"vocab_size": Range(10, 10_000_000), "min_frequency": Range(1, 1_000_000)},
    "optimizer": {"lr": RATE, "weight_decay": WEIGHT, "layer_decay": ABOVE_0},
    "task": {"label_smoothing": Range(0, 0.999), **dict.fromkeys(("focal_gamma", "r_drop", "mixup"), WEIGHT)},
    "scheduler": {
        "pct_start": Range(0, 0.999),
        **dict.fromkeys(("final_ratio", "decay"), SHARE),
        "warmup": Range(0, 1e9),
        "div_factor": Range(0, 1e9, above=True),
        "final_div_factor": Range(0, 1e12, above=True),
    },
    "trainer": {
        **dict.fromkeys(("max_epochs", "max_steps"), LAST),
        **dict.fromkeys(("accumulate_grad_batches", "log_every_n_steps", "check_val_every_n_epoch"), EVERY),
        "gradient_clip_val": Range(0, 1e9),
        **dict.fromkeys(("limit_train_batches", "limit_val_batches", "limit_test_batches", "overfit_batches"), BATCHES),
    },
}
MASKING = {"rate": ABOVE_0, "masked": SHARE, "random": SHARE}
NULLABLE = {"max_rows", *RANGES["trainer"]}  # where null says nothing


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


def check_ranges(group: str, values: Mapping[str, Any], ranges: Mapping[str, Range]) -> None:
    """Look at the numbers of a group of the config; raises as `check_range`."""
    for key, allowed in ranges.items():
        if key in values and not (values[key] is None and key in NULLABLE):
            check_range(f"{group}.{key}", values[key], allowed)


def check_range(key: str, value: Any, allowed: Range) -> None:
    """Raises a UserError that names the key, what was given and what is allowed, unless the value is that."""
    if value in allowed:
        return
    if not is_number(value):
        raise UserError(f"{key}={value!r} must be a number, {allowed}.")
    raise UserError(f"{key}={value} is out of range: it must be {allowed}.")


def check_options(group: str, values: Mapping[str, Any], declared: Mapping[str, Option]) -> None:
    """Look at the numbers and the choices of a group whose options are declared; raises as `check_range`."""
    for key, one in declared.items():
        if key not in values or (values[key] is None and (one.null or one.admits_none)):
            continue
        if one.range is not None:
            check_range(f"{group}.{key}", values[key], one.range)
        if one.choices and values[key] not in one.choices:
            raise UserError(f"{group}.{key}={values[key]!r} is not one of {', '.join(one.choices)}.")


def check_complete(config: dict[str, Any]) -> None:
    """Raises a UserError at what is missing, or is not what it should be. Runs before anything else looks into it."""
    for key in config:
        if key not in TOP_LEVEL:
            raise UserError(f"{key}: there is no such key.{hint(key, TOP_LEVEL)}")
    check_names(config)
    for group in NEEDED:
        if not isinstance(config.get(group), dict):
            raise UserError(f"{group} is missing: choose one of its options, {group}=... (--help lists them).")
        if group != "tokenizer" and not isinstance(config[group].get("_target_"), str):
            raise UserError(f"{group}._target_ is missing: name the class or function, as package.module.Name.")
    for key in config["tokenizer"]:
        if key not in (known := (*OF_TOKENIZERS, *OF_SOME_TOKENIZERS)):
            raise UserError(f"tokenizer.{key}: there is no such key.{hint(key, known, 'tokenizer.')}")
    for key in OF_TOKENIZERS:
        if key not in config["tokenizer"]:
            raise UserError(f"tokenizer.{key} is missing: begin a YAML of your own with defaults: [wordpiece, _self_].")
    for group in ("callbacks", "logger"):
        parts = config.get(group) or {}
        if not isinstance(parts, dict):
            raise UserError(f"{group}={parts!r}: choose one of its options, {group}=... (--help lists them).")
        for name, part in parts.items():
            if part is not None and not (isinstance(part, dict) and isinstance(part.get("_target_"), str)):
                raise UserError(
                    f"{group}.{name}={part!r}: it needs a _target_, the class as package.module.Name; "
                    "null leaves it out."
                )
    seed = config.get("seed")
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**32:
        raise UserError(f"seed={seed!r} must be a whole number from 0 to {2**32 - 1}.")
