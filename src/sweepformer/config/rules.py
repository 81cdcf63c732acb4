"""The rules that no type of a single key expresses: ranges, and what goes together."""

import os
import re
from collections.abc import Iterable
from typing import Any

from sweepformer.config.choices import check_recipe, every_settled
from sweepformer.config.kinds import task_kind
from sweepformer.config.metrics import check_mode
from sweepformer.config.ranges import (
    BAG_OF_NGRAMS,
    MASKING,
    RANGES,
    RATE,
    TOP_LEVEL,
    TRANSFORMER,
    WIDE,
    check_complete,
    check_options,
    check_range,
    check_ranges,
)
from sweepformer.config.targets import check_targets, trusted_packages
from sweepformer.errors import UserError, hint
from sweepformer.models.options import Range

WITHOUT_ENCODER = ("sweepformer.baselines.", "sweepformer.models.bag_of_ngrams.")
# Allowed by Lightning; the packages that others would need are not ours.
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true", "32", "16", "bf16", "64")


def check(config: dict[str, Any]) -> None:
    """Raises a UserError that says the key, what was given and what is allowed. Runs before any data is read."""
    check_complete(config)
    check_targets(config, trusted_packages())
    check_recipe(config.get("recipe"))
    for rows, possible in every_settled(config):  # with values in place of what goes by the rows
        try:
            _check_settled(possible)
        except UserError as error:
            raise error if rows == 1 else UserError(f"recipe, for {rows:,} training rows and more: {error}") from None


def _check_settled(config: dict[str, Any]) -> None:
    for group, ranges in RANGES.items():
        check_ranges(group, config[group], ranges)
    _check_reading(config)
    tokenizer, model = config["tokenizer"], config["model"]
    check_range("tokenizer.rare_words", tokenizer.get("rare_words", 0), Range(0, 10_000_000 - tokenizer["vocab_size"]))
    if model["_target_"].startswith("sweepformer.models.transformer."):
        _check_transformer(model, tokenizer["vocab_size"])
        _check_wide(model.get("wide") or {}, config["task"])
    elif model["_target_"].startswith("sweepformer.models.bag_of_ngrams."):
        check_options("model", model, BAG_OF_NGRAMS)
    _check_optimizer(config["optimizer"], config["scheduler"])
    _check_task(config["task"], config["data"].get("sampling", "uniform"))
    _check_texts(config)
    _check_trainer(config["trainer"])
    _check_precision(config)
    _check_monitors(config)


def _check_optimizer(optimizer: dict[str, Any], scheduler: dict[str, Any]) -> None:
    for key in ("betas", "adamw_betas"):
        betas = optimizer.get(key)
        numbers = betas if isinstance(betas, list) else []  # an interpolation may put anything in a list's place
        sound = len(numbers) == 2 and all(isinstance(one, int | float) and 0 <= one < 1 for one in numbers)
        if betas is not None and not sound:
            raise UserError(f"optimizer.{key}={betas}: give two numbers from 0 to below 1, such as [0.9,0.999].")
    if "pct_start" in scheduler:  # of others it may be a list
        check_range("scheduler.max_lr", scheduler.get("max_lr", 1.0), RATE)


def _check_task(task: dict[str, Any], sampling: str) -> None:
    thresholds = task.get("thresholds", "fitted")
    try:
        sound = thresholds == "fitted" or 0 < float(thresholds) < 1
    except (TypeError, ValueError):
        sound = False
    if not sound:
        raise UserError(f"task.thresholds={thresholds}: give fitted, or one number between 0 and 1, such as 0.5.")
    weights = task.get("class_weights", "none")
    if isinstance(weights, dict):
        for name, weight in weights.items():
            check_range(f"task.class_weights.{name}", weight, Range(0, 1_000_000))
    elif weights not in ("none", "balanced"):
        raise UserError(
            f"task.class_weights={weights!r} is not one of none, balanced. Or give numbers by class: "
            "'task.class_weights={spam: 5}'."
        )
    if sampling == "uniform":
        return
    kind = task_kind(task)
    if kind is not None and not kind.labelled.is_one_class:
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
    task, kind = config["task"], task_kind(config["task"])
    if "rate" in task:
        check_ranges("task", task, MASKING)
        masked, random = task.get("masked", 0.0), task.get("random", 0.0)
        if masked + random > 1:
            raise UserError(f"task.masked={masked} and task.random={random}: together at most 1.")
    if task["_target_"].endswith(".LanguageModeling") and config["model"].get("attention") == "varlen":
        raise UserError(
            "model.attention=varlen packs rows one after another, and task=language_modeling needs them apart, so that "
            "none sees the next token. Choose another attention (auto), or task=masked_lm."
        )
    pretrain = config.get("pretrain")
    if config["data"].get("unlabelled_file") and kind and not kind.labelled.is_nothing and not pretrain:
        raise UserError(
            "data.unlabelled_file: this task learns from labels. It is for task=masked_lm, task=language_modeling and "
            "experiment=pretrain_then_classify; with model.init_from it belongs to the run that is begun with."
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
    if config["model"]["_target_"].startswith(WITHOUT_ENCODER):
        name = config["model"]["_target_"].rpartition(".")[2]
        raise UserError(
            f"model: {name} can't be pretrained: it has no encoder. Choose a transformer, such as model=small, or "
            "leave pretrain (experiment=pretrain_then_classify) out."
        )
    trainer = config["trainer"]
    if str(trainer.get("devices", 1)) != "1" and not re.search("fork|spawn", str(trainer.get("strategy"))):
        raise UserError(
            f"trainer.devices={trainer['devices']} with pretrain: processes that are started as this command again "
            "would each do both runs. Use trainer.devices=1 or trainer.strategy=ddp_spawn; or two commands, "
            "task=masked_lm and then model.init_from=RUN."
        )


def _check_trainer(trainer: dict[str, Any]) -> None:
    if 0 in (trainer.get("max_epochs"), trainer.get("max_steps"), trainer.get("limit_train_batches", 1)):
        raise UserError("trainer.max_epochs, max_steps or limit_train_batches is 0: there would be nothing to train.")
    if isinstance(trainer.get("val_check_interval"), int | float):  # else it is a time
        check_range("trainer.val_check_interval", trainer["val_check_interval"], Range(0, 1e12, above=True))
    for key in ("compile", "auto_micro_batch"):
        if not isinstance(trainer.get(key, False), bool):
            raise UserError(f"trainer.{key}={trainer[key]!r} must be true or false.")
    if str(trainer.get("precision", "32-true")) not in PRECISIONS:
        raise UserError(f"trainer.precision={trainer['precision']} is not one of {', '.join(PRECISIONS)}.")


def _check_precision(config: dict[str, Any]) -> None:
    kind, precision = task_kind(config["task"]), config["trainer"].get("precision")
    if kind is not None and kind.labelled.is_a_number and precision in ("16-true", "bf16-true"):
        raise UserError(
            f"trainer.precision={precision} would round the rows' numbers themselves to 16 bits. Use 16-mixed or "
            "bf16-mixed, which compute in 16 bits all the same."
        )


def _check_monitors(config: dict[str, Any]) -> None:
    """A misspelt metric would be found after an epoch only, and a wrong mode never. Tasks of a user's own may log what
    they like, and say whether a large value of it is good."""
    kind = task_kind(config["task"])
    parts = {f"callbacks.{name}": one for name, one in (config.get("callbacks") or {}).items()}
    for key, options in {"task": config["task"], **parts, "scheduler": config["scheduler"]}.items():
        monitor = options.get("monitor") if isinstance(options, dict) else None
        if monitor is None:
            continue
        if kind and monitor not in kind.logged:
            raise UserError(
                f"{key}.monitor={monitor}: there is no such metric. There are: {', '.join(kind.logged)}."
                + hint(monitor, kind.logged)
            )
        if "mode" in options:
            check_mode(f"{key}.monitor", str(monitor), f"{key}.mode", options["mode"], config["task"])
    followed = config["scheduler"].get("monitor")
    if followed and not followed.startswith("train_") and config["trainer"].get("limit_val_batches", 1) == 0:
        raise UserError(
            f"scheduler.monitor={followed} is measured by validations, and trainer.limit_val_batches=0 leaves them "
            "out. Allow some, or choose another scheduler."
        )


def _check_reading(config: dict[str, Any]) -> None:
    data, kind = config["data"], task_kind(config["task"])
    part = data.get("truncation")
    if data.get("label_separator") == "":
        raise UserError("data.label_separator is empty: say what stands between the classes of a row, such as ','.")
    if part not in (None, "tail") and config["tokenizer"]["truncation_side"] == "left":
        raise UserError(
            f"data.truncation={part} and tokenizer.truncation_side=left contradict each other: leave one of them out."
        )
    if kind is not None and kind.labelled.is_of_words and data.get("pair_column"):
        raise UserError("data.pair_column: words are tagged in one text, not in two. Leave it out.")
    if part in ("head_and_tail", "windows") and data.get("pair_column"):
        raise UserError(f"data.truncation={part} is for rows of one text; with data.pair_column choose head or tail.")
    if part == "windows" and kind is not None and kind.predicts != "row":
        raise UserError(
            "data.truncation=windows averages a row's answers, and this task answers for tokens. Choose head, tail or "
            "head_and_tail, or raise model.max_length."
        )
    if part == "windows" and config["task"].get("mixup"):
        raise UserError(
            "data.truncation=windows and task.mixup don't go together: which windows of two rows would mix?"
        )


def _check_transformer(model: dict[str, Any], vocab_size: int) -> None:
    _check_keys("model", model, ("_target_", *TRANSFORMER, "wide"))
    check_options("model", model, TRANSFORMER)
    if model.get("frozen_layers") is not None:
        check_range("model.frozen_layers", model["frozen_layers"], Range(0, model.get("num_layers", 1_000_000)))
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


def _check_wide(wide: dict[str, Any], task: dict[str, Any]) -> None:
    _check_keys("model.wide", wide, WIDE)
    kind = task_kind(task)
    fits = kind is None or kind.labelled.is_one_class
    if not wide or wide.get("enabled") is False or (wide.get("enabled") is None and not fits):
        return
    if not fits:
        raise UserError(
            "model.wide.enabled=true: the wide path tells one class a row, and this task asks for something else. "
            "Leave it out, or use task=classification."
        )
    check_options("model.wide", wide, WIDE)
    if not wide.get("c_grid"):
        raise UserError("model.wide.c_grid is empty: give at least one number above 0, such as [0.1,1.0,10.0].")
    for c in wide["c_grid"]:
        check_range("model.wide.c_grid", c, Range(0, 1e9, above=True))


def _check_keys(group: str, values: dict[str, Any], known: Iterable[str]) -> None:
    """A YAML of a user's own need not inherit the schema."""
    for key in values:
        if key not in known:
            raise UserError(f"{group}.{key}: there is no such key.{hint(key, known, f'{group}.')}")
