"""Trainer and callbacks of a run, from its plan."""

import inspect
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import Checkpoint, LearningRateMonitor
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins.io import CheckpointIO

from sweepformer.config.build import build, find_target
from sweepformer.errors import UserError
from sweepformer.lightning_internals import starts_this_command_again
from sweepformer.models.attention import use_fast_float32
from sweepformer.training.attempt import Attempt
from sweepformer.training.callbacks.checkpoints import BetweenBatches
from sweepformer.training.callbacks.divergence import DivergenceCheck
from sweepformer.training.callbacks.predictions import PredictionWriter
from sweepformer.training.callbacks.progress import EpochLog
from sweepformer.training.callbacks.resuming import Clock, LogFiles, LooseEnds, RandomState
from sweepformer.training.checkpoints import WholeCheckpoints
from sweepformer.training.plan import Plan
from sweepformer.training.schedules import PlateauSteps

OURS = ("compile", "auto_micro_batch")  # options of a trainer that Lightning doesn't know


def build_trainer(plan: Plan, attempt: Attempt, loggers: list[Logger], predictions: PredictionWriter) -> pl.Trainer:
    """The Lightning trainer with everything attached.

    Args:
        plan: whose `trainer` and `callbacks` it is made of.
        attempt: the run's.
        loggers: that metrics go to.
        predictions: takes what the test answers.
    """
    options = {key: value for key, value in plan.config["trainer"].items() if key not in OURS}
    plugins = _plugins(options.pop("plugins", None))
    if plan.device.accelerator == "cpu":
        use_fast_float32()
    callbacks = build_callbacks(plan.config.get("callbacks") or {}, attempt, bool(loggers))
    bar = any(isinstance(callback, pl.callbacks.ProgressBar) for callback in callbacks)
    options["enable_progress_bar"] = bar and options.get("enable_progress_bar", True)
    if not options["enable_progress_bar"]:
        callbacks = [one for one in callbacks if not isinstance(one, pl.callbacks.ProgressBar)]
    trainer = build(
        "trainer",
        options,
        callbacks=[*callbacks, predictions],
        logger=loggers or False,
        plugins=plugins,
        default_root_dir=str(attempt.directory.path),
        use_distributed_sampler=False,  # batches are shared out by their plan
        enable_model_summary=any(isinstance(callback, pl.callbacks.ModelSummary) for callback in callbacks),
        enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
    )
    if attempt.request.launch.in_sweep:
        _refuse_command_restart(trainer)
    if plan.config["trainer"].get("auto_micro_batch"):
        _refuse_several(trainer)
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
        key = f"callbacks.{name}"
        if isinstance(options, dict) and "dirpath" not in options and _is_checkpoint(key, options):
            options = {**options, "dirpath": str(directory.checkpoints)}
        callback = build(key, options, directory=directory)
        if isinstance(callback, LearningRateMonitor) and not logged:
            continue  # it refuses to run where there is nothing to write to
        callbacks.append(callback)
    # A config of a user's own may lack it.
    usual: list[Callback] = [] if "divergence" in config else [DivergenceCheck()]
    return [*callbacks, PlateauSteps(), Clock(), EpochLog(), RandomState(), LogFiles(directory.path), *usual]


def _is_checkpoint(key: str, options: dict[str, Any]) -> bool:
    target = find_target(key, options)
    return inspect.isclass(target) and issubclass(target, Checkpoint)


def _refuse_several(trainer: pl.Trainer) -> None:
    if trainer.world_size > 1:
        raise UserError(
            f"trainer.auto_micro_batch=true with {trainer.world_size} processes (trainer.devices): they add up their "
            "gradients amid every batch, and one that splits its own would keep others waiting. Use trainer.devices=1, "
            "or lower data.batch_size and raise trainer.accumulate_grad_batches."
        )


def _refuse_command_restart(trainer: pl.Trainer) -> None:
    """Refuse a strategy that starts this command again for every process."""
    if starts_this_command_again(trainer) and trainer.num_devices > 1:
        raise UserError(
            f"trainer.devices={trainer.num_devices} in a sweep: {type(trainer.strategy).__name__} starts this command "
            "again for every process, and under -m each would run the whole sweep. Use trainer.devices=1 (and a "
            "launcher that runs several at once), or trainer.strategy=ddp_fork (CPU) or ddp_spawn."
        )
