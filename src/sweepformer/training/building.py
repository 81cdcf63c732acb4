"""What trains, built from a plan: data, trainer with its callbacks, and the task with its model."""

import inspect
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import Checkpoint, LearningRateMonitor, ModelSummary, ProgressBar
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins.io import CheckpointIO
from torch import nn

from sweepformer.config.build import build, find_target
from sweepformer.config.kinds import own_options
from sweepformer.data.data_module import RowsDataModule
from sweepformer.data.store import Store
from sweepformer.data.tokenizer import vocab_size, words_by_id
from sweepformer.errors import UserError
from sweepformer.lightning_internals import FitLoop, starts_this_command_again
from sweepformer.models.attention import use_fast_float32
from sweepformer.runs.environment import made_by
from sweepformer.tasks.task import Targets, Task
from sweepformer.training.attempt import Attempt
from sweepformer.training.callbacks.checkpoints import BetweenBatches
from sweepformer.training.callbacks.divergence import DivergenceCheck
from sweepformer.training.callbacks.predictions import PredictionWriter
from sweepformer.training.callbacks.progress import EpochLog
from sweepformer.training.callbacks.resuming import Clock, LogFiles, LooseEnds, RandomState
from sweepformer.training.callbacks.weight_averaging import WeightAveraging
from sweepformer.training.checkpoints import WholeCheckpoints
from sweepformer.training.initialization import Pretrained, take_encoder
from sweepformer.training.optimization import build_optimizer, build_schedule, freeze
from sweepformer.training.plan import Plan, batches_used
from sweepformer.training.schedules import PlateauSteps
from sweepformer.training.wide_fit import fit_wide, wide_path_of

OUR_TRAINER_OPTIONS = ("compile", "auto_micro_batch")  # options of a trainer that Lightning doesn't know


@dataclass(frozen=True)
class Training:
    """What trains, ready to begin. loggers: not told anything yet; predictions: takes what the test answers."""

    plan: Plan
    store: Store
    data: RowsDataModule
    loggers: list[Logger]
    predictions: PredictionWriter
    trainer: pl.Trainer
    task: Task


def build_training(
    plan: Plan, store: Store, attempt: Attempt, pretrained: Pretrained | None, loggers: Sequence[Logger] = ()
) -> Training:
    """Data, trainer, model and task; raises a UserError where one can't be built with the values of the config."""
    data = RowsDataModule.of(plan.config, store)
    predictions = PredictionWriter(attempt.directory.predictions, store.splits["test"], store.classes)
    trainer = build_trainer(plan, attempt, list(loggers), predictions)
    model = _build_model(plan, trainer, pretrained)
    task = _build_task(plan, store, data, trainer, model)
    # Lightning makes its own once training has begun; this one finds out whether it can be made.
    task.make_schedule(task.make_optimizer(model))
    return Training(plan, store, data, list(loggers), predictions, trainer, task)


def _build_model(plan: Plan, trainer: pl.Trainer, pretrained: Pretrained | None) -> nn.Module:
    """With the encoder of another run where there is one, frozen and compiled as the plan says."""
    options = plan.config["model"]
    # A "true" half precision wants its weights made in it.
    with trainer.init_module(empty_init=False):
        model: nn.Module = build("model", plan.model, **plan.known)
    if pretrained:
        take_encoder(pretrained, model, options)
    if options.get("frozen_layers") is not None:
        freeze(model, options["frozen_layers"])
    if plan.config["trainer"].get("compile"):
        _compile_in_place(model, trainer.strategy.root_device)
    return model


def _build_task(plan: Plan, store: Store, data: RowsDataModule, trainer: pl.Trainer, model: nn.Module) -> Task:
    config, rows = plan.config, data.rows["train"]
    batches = data.plan("train", trainer.world_size)
    return build(
        "task",
        own_options(config["task"]),
        model=model,
        make_optimizer=lambda module: build_optimizer(config["optimizer"], module),
        make_schedule=lambda optimizer: build_schedule(config["scheduler"], optimizer, plan.total_steps),
        targets=Targets(
            classes=store.classes,
            labels=store.splits["train"].labels,
            rows_per_batch=len(rows) / len(batches),
            tokens_per_batch=float(rows.lengths.sum() / len(batches)),
            tokenizer=store.tokenizer,
            seed=config["seed"],
        ),
        saved=_saved(plan, store, str(trainer.precision)),
        auto_micro_batch=bool(config["trainer"].get("auto_micro_batch")),
    )


def _saved(plan: Plan, store: Store, precision: str) -> dict[str, object]:
    """What every checkpoint carries, so that it can be used without the run's directory.

    precision: what the trainer's came to, of which a plugin may have made another than was asked for.
    """
    return {
        "config": {**plan.asked, "trainer": {**plan.asked["trainer"], "precision": precision}},
        "classes": store.classes,
        "tokenizer": store.tokenizer.to_str(),
        "vocab_size": vocab_size(store.tokenizer),
        "frequent": plan.known["frequent"],
        "stem": plan.config["model"].get("stem"),
        "pairs": store.pairs,
        **made_by(),
    }


def fit_wide_path(training: Training) -> None:
    """Fit the wide path, if the model has one, to as many training rows as an epoch reads."""
    if wide := wide_path_of(training.task.model):
        plan, store, rows = training.plan, training.store, training.data.rows
        batches = len(training.data.plan("train"))
        read = -(-len(rows["train"]) * batches_used(plan.config["trainer"], batches) // batches)
        fit_wide(wide, rows["train"], rows["val"], plan.config["model"]["wide"], read, words_by_id(store.tokenizer))


def _compile_in_place(model: nn.Module, device: torch.device) -> None:
    """Compile a model's forward pass for batches of any shape.

    In place: its parameters keep their names, so that checkpoints load with and without it. The first batches
    wait for the compiler, 10 to 60 seconds.
    """
    if device.type == "cpu" and not any(map(shutil.which, (os.environ.get("CXX", "g++"), "c++", "clang++"))):
        raise UserError(
            "trainer.compile=true needs a C++ compiler on a CPU, and there is none: install g++, or leave it out."
        )
    model.compile(dynamic=True)


def build_trainer(plan: Plan, attempt: Attempt, loggers: list[Logger], predictions: PredictionWriter) -> pl.Trainer:
    """The Lightning trainer of a plan with everything attached. predictions: takes what the test answers."""
    options = {key: value for key, value in plan.config["trainer"].items() if key not in OUR_TRAINER_OPTIONS}
    plugins = _plugins(options.pop("plugins", None))
    if plan.config["trainer"]["accelerator"] == "cpu":
        use_fast_float32()
    callbacks = build_callbacks(plan.config.get("callbacks") or {}, attempt, bool(loggers))
    if not options.get("enable_progress_bar", True):
        callbacks = [one for one in callbacks if not isinstance(one, ProgressBar)]
    options["enable_progress_bar"] = any(isinstance(one, ProgressBar) for one in callbacks)
    trainer = build(
        "trainer",
        options,
        callbacks=[*callbacks, predictions],
        logger=loggers or False,
        plugins=plugins,
        default_root_dir=str(attempt.directory.path),
        use_distributed_sampler=False,  # batches are shared out by their plan
        enable_model_summary=any(isinstance(one, ModelSummary) for one in callbacks),
        enable_checkpointing=any(isinstance(one, Checkpoint) for one in callbacks),
    )
    trainer.fit_loop = FitLoop(trainer.fit_loop)
    for one in callbacks:
        if isinstance(one, WeightAveraging):
            one.check(trainer)
    _check_processes(trainer, attempt.request.launch.in_sweep, plan.config["trainer"])
    return trainer


def _plugins(given: Any) -> list[Any]:
    """A config's plugins, and our way of writing checkpoints unless one of them is a way of the user's own."""
    listed = given if isinstance(given, list) else [] if given is None else [given]
    plugins = [build(f"trainer.plugins.{n}", one) if isinstance(one, dict) else one for n, one in enumerate(listed)]
    return plugins if any(isinstance(one, CheckpointIO) for one in plugins) else [*plugins, WholeCheckpoints()]


def build_callbacks(config: dict[str, Any], attempt: Attempt, logged: bool) -> list[Callback]:
    """The callbacks of a config, in its order, and those that every run has."""
    directory = attempt.directory
    callbacks: list[Callback] = [LooseEnds(), BetweenBatches(attempt.stop)]  # these come before all others
    for name, options in config.items():
        if options is None:
            continue
        key, options = f"callbacks.{name}", directory.apart(options) if isinstance(options, dict) else options
        if isinstance(options, dict) and "dirpath" not in options:
            target = find_target(key, options)
            if inspect.isclass(target) and issubclass(target, Checkpoint):
                options = {**options, "dirpath": str(directory.checkpoints)}
        callback = build(key, options, directory=directory)
        if isinstance(callback, LearningRateMonitor) and not logged:
            continue  # it refuses to run where there is nothing to write to
        callbacks.append(callback)
    # A config of a user's own may lack it.
    usual: list[Callback] = [] if "divergence" in config else [DivergenceCheck()]
    return [*callbacks, PlateauSteps(), Clock(), EpochLog(), RandomState(), LogFiles(directory.path), *usual]


def _check_processes(trainer: pl.Trainer, in_sweep: bool, options: dict[str, Any]) -> None:
    """Refuse several processes where they would disturb each other."""
    if options.get("auto_micro_batch") and trainer.world_size > 1:
        raise UserError(
            f"trainer.auto_micro_batch=true with {trainer.world_size} processes (trainer.devices): they add up their "
            "gradients amid every batch, and one that splits its own would keep others waiting. Use trainer.devices=1, "
            "or lower data.batch_size and raise trainer.accumulate_grad_batches."
        )
    if in_sweep and starts_this_command_again(trainer) and trainer.num_devices > 1:
        raise UserError(
            f"trainer.devices={trainer.num_devices} in a sweep: {type(trainer.strategy).__name__} starts this command "
            "again for every process, and under -m each would run the whole sweep. Use trainer.devices=1 (and a "
            "launcher that runs several at once), or trainer.strategy=ddp_fork (CPU) or ddp_spawn."
        )
