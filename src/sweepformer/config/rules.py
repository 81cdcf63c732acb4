"""The rules that no type of a single key expresses: ranges, and what goes together."""

import os
import re
from dataclasses import fields
from typing import Any

from sweepformer.config.by_rows import check_recipe, every_settled
from sweepformer.config.completeness import TOP_LEVEL, check_complete
from sweepformer.config.kinds import kind_of
from sweepformer.config.options import ModelSchema, WideSchema
from sweepformer.config.targets import check_targets, trusted_packages
from sweepformer.errors import UserError, hint

WITHOUT_ENCODER = ("sweepformer.baselines.", "sweepformer.models.bag_of_ngrams.")
# Allowed by Lightning; the packages that others would need are not ours.
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true", "32", "16", "bf16", "64")


def check(config: dict[str, Any]) -> None:
    """The rules that no single type expresses. Runs before any data is read.

    Raises:
        UserError: naming the key, what was given and what is allowed.
    """
    check_complete(config)
    check_targets(config, trusted_packages())
    check_recipe(config.get("recipe"))
    for rows, possible in every_settled(config):  # with values in place of what goes by the rows
        try:
            _check_settled(possible)
        except UserError as error:
            raise error if rows == 1 else UserError(f"recipe, for {rows:,} training rows and more: {error}") from None


def _check_settled(config: dict[str, Any]) -> None:
    _check_data(config["data"])
    _check_reading(config)
    _check_tokenizer(config["tokenizer"])
    if config["model"].get("_target_", "").startswith("sweepformer.models.transformer."):
        _check_model(config["model"], config["tokenizer"]["vocab_size"])
        _check_wide(config["model"].get("wide") or {}, config["task"])
    _in_range("optimizer.lr", config["optimizer"].get("lr", 1.0), 0, 100, above=True)
    _in_range("optimizer.weight_decay", config["optimizer"].get("weight_decay", 0.0), 0, 100)
    _in_range("optimizer.layer_decay", config["optimizer"].get("layer_decay", 1.0), 0, 1, above=True)
    for key in ("betas", "adamw_betas"):
        betas = config["optimizer"].get(key)
        if betas is not None and not _are_two_shares(betas):
            raise UserError(f"optimizer.{key}={betas}: give two numbers from 0 to below 1, such as [0.9,0.999].")
    _check_task(config["task"], config["data"].get("sampling", "uniform"))
    _check_texts(config)
    scheduler = config["scheduler"]
    if "pct_start" in scheduler:
        _in_range("scheduler.pct_start", scheduler["pct_start"], 0, 0.999)
        _in_range("scheduler.max_lr", scheduler.get("max_lr", 1.0), 0, 100, above=True)
    for share in ("final_ratio", "decay"):
        if share in scheduler:
            _in_range(f"scheduler.{share}", scheduler[share], 0, 1)
    if "warmup" in scheduler:
        _in_range("scheduler.warmup", scheduler["warmup"], 0, 1e9)
    if "div_factor" in scheduler:
        _in_range("scheduler.div_factor", scheduler["div_factor"], 0, 1e9, above=True)
        _in_range("scheduler.final_div_factor", scheduler.get("final_div_factor", 1e4), 0, 1e12, above=True)
    _check_trainer(config["trainer"])
    _check_precision(config)
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
    task, kind = config["task"], kind_of(config["task"])
    if "rate" in task:
        _in_range("task.rate", task["rate"], 0, 1, above=True)
        for key in ("masked", "random"):
            _in_range(f"task.{key}", task.get(key, 0.0), 0, 1)
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
    if isinstance(trainer.get("val_check_interval"), int | float):  # else it is a time
        _in_range("trainer.val_check_interval", trainer["val_check_interval"], 0, 1e12, above=True)
    if trainer.get("gradient_clip_val") is not None:
        _in_range("trainer.gradient_clip_val", trainer["gradient_clip_val"], 0, 1e9)
    for key in ("limit_train_batches", "limit_val_batches", "limit_test_batches", "overfit_batches"):
        if trainer.get(key) is not None:
            _in_range(f"trainer.{key}", trainer[key], 0, 1e12)
    for key in ("compile", "auto_micro_batch"):
        if not isinstance(trainer.get(key, False), bool):
            raise UserError(f"trainer.{key}={trainer[key]!r} must be true or false.")
    if str(trainer.get("precision", "32-true")) not in PRECISIONS:
        raise UserError(f"trainer.precision={trainer['precision']} is not one of {', '.join(PRECISIONS)}.")


def _check_precision(config: dict[str, Any]) -> None:
    kind, precision = kind_of(config["task"]), config["trainer"].get("precision")
    if kind is not None and kind.labelled.is_a_number and precision in ("16-true", "bf16-true"):
        raise UserError(
            f"trainer.precision={precision} would round the rows' numbers themselves to 16 bits. Use 16-mixed or "
            "bf16-mixed, which compute in 16 bits all the same."
        )


def _check_monitors(config: dict[str, Any]) -> None:
    """A misspelt metric would be found after an epoch only. Tasks of a user's own may log what they like."""
    kind = kind_of(config["task"])
    if kind is None:
        return
    parts = {f"callbacks.{name}": one for name, one in (config.get("callbacks") or {}).items()}
    for key, options in {"task": config["task"], **parts, "scheduler": config["scheduler"]}.items():
        monitor = options.get("monitor") if isinstance(options, dict) else None
        if monitor is not None and monitor not in kind.logged:
            raise UserError(
                f"{key}.monitor={monitor}: there is no such metric. There are: {', '.join(kind.logged)}."
                + hint(monitor, kind.logged)
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


def _check_reading(config: dict[str, Any]) -> None:
    data, kind = config["data"], kind_of(config["task"])
    part = data.get("long_rows")
    _in_range("data.window_overlap", data.get("window_overlap", 0.0), 0, 1, below=True)
    if part not in (None, "tail") and config["tokenizer"]["truncation_side"] == "left":
        raise UserError(
            f"data.long_rows={part} and tokenizer.truncation_side=left contradict each other: leave one of them out."
        )
    if kind is not None and kind.labelled.is_of_words and data.get("pair_column"):
        raise UserError("data.pair_column: words are tagged in one text, not in two. Leave it out.")
    if part in ("head_and_tail", "windows") and data.get("pair_column"):
        raise UserError(f"data.long_rows={part} is for rows of one text; with data.pair_column choose head or tail.")
    if part == "windows" and kind is not None and not kind.answers_for_rows:
        raise UserError(
            "data.long_rows=windows averages a row's answers, and this task answers for tokens. Choose head, tail or "
            "head_and_tail, or raise model.max_length."
        )
    if part == "windows" and config["task"].get("mixup"):
        raise UserError("data.long_rows=windows and task.mixup don't go together: which windows of two rows would mix?")


def _are_two_shares(betas: Any) -> bool:
    """Whether they are numbers from 0 to below 1: an interpolation may put anything in a list's place."""
    numbers = betas if isinstance(betas, list) else []
    return len(numbers) == 2 and all(isinstance(one, int | float) and 0 <= one < 1 for one in numbers)


def _check_tokenizer(tokenizer: dict[str, Any]) -> None:
    _in_range("tokenizer.vocab_size", tokenizer["vocab_size"], 10, 10_000_000)
    _in_range("tokenizer.min_frequency", tokenizer["min_frequency"], 1, 1_000_000)
    _in_range("tokenizer.rare_words", tokenizer.get("rare_words", 0), 0, 10_000_000 - tokenizer["vocab_size"])


def _check_model(model: dict[str, Any], vocab_size: int) -> None:
    known = [field.name for field in fields(ModelSchema)]
    for key in model:
        if key not in known:  # a YAML of a user's own that doesn't inherit the schema
            raise UserError(f"model.{key}: there is no such key.{hint(key, known, 'model.')}")
    for key in ("embedding_dim", "num_heads", "num_layers", "dim_feedforward", "max_length"):
        _in_range(f"model.{key}", model.get(key, 1), 1, 1_000_000)
    for key in ("dropout", "attention_dropout", "word_dropout", "classifier_dropout"):
        _in_range(f"model.{key}", model.get(key, 0), 0, 1, below=True)
    _in_range("model.embedding_std", model.get("embedding_std", 1), 0, 100, above=True)
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


def _check_wide(wide: dict[str, Any], task: dict[str, Any]) -> None:
    known = [field.name for field in fields(WideSchema)]
    for key in wide:
        if key not in known:
            raise UserError(f"model.wide.{key}: there is no such key.{hint(key, known, 'model.wide.')}")
    kind = kind_of(task)
    fits = kind is None or kind.labelled.is_one_class
    if not wide or wide.get("enabled") is False or (wide.get("enabled") is None and not fits):
        return
    if not fits:
        raise UserError(
            "model.wide.enabled=true: the wide path tells one class a row, and this task asks for something else. "
            "Leave it out, or use task=classification."
        )
    if wide.get("longest") is not None:
        _in_range("model.wide.longest", wide["longest"], 1, 100)
    _in_range("model.wide.features", wide.get("features", 1), 1, 100_000_000)
    _in_range("model.wide.letters", wide.get("letters", 0), 0, 100)
    if not wide.get("strengths"):
        raise UserError("model.wide.strengths is empty: give at least one number above 0, such as [0.1,1.0,10.0].")
    for strength in wide["strengths"]:
        _in_range("model.wide.strengths", strength, 0, 1e9, above=True)


def _in_range(key: str, value: Any, low: float, high: float, above: bool = False, below: bool = False) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and low <= value <= high and not (above and value == low) and not (below and value == high):
        return
    lower = f"above {low}" if above else f"at least {low}"
    upper = f"below {high:,}" if below else f"at most {high:,}"
    if not number:
        raise UserError(f"{key}={value!r} must be a number, {lower} and {upper}.")
    raise UserError(f"{key}={value} is out of range: it must be {lower} and {upper}.")
