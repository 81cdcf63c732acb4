"""Trainer, callbacks and loggers of a run, from their configs."""

import inspect
import logging
import netrc
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import Checkpoint, LearningRateMonitor
from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger
from pytorch_lightning.plugins.io import TorchCheckpointIO
from pytorch_lightning.strategies.launchers.subprocess_script import _SubprocessScriptLauncher

from sweepformer.config.build import build, find_target
from sweepformer.errors import UserError
from sweepformer.models.attention import use_fast_float32
from sweepformer.runs.directory import RunDirectory
from sweepformer.training.callbacks.between_batches import BetweenBatches
from sweepformer.training.callbacks.clock import Clock
from sweepformer.training.callbacks.divergence import DivergenceCheck
from sweepformer.training.callbacks.epoch_log import EpochLog
from sweepformer.training.callbacks.log_files import LogFiles
from sweepformer.training.callbacks.loose_ends import LooseEnds
from sweepformer.training.callbacks.plateau import PlateauSteps
from sweepformer.training.callbacks.random_state import RandomState
from sweepformer.training.checkpoints import WholeCheckpoints
from sweepformer.training.devices import effective_precision, resolve_accelerator
from sweepformer.training.stopping import Stop

log = logging.getLogger(__name__)


def build_trainer(config: dict[str, Any], directory: RunDirectory, loggers: list[Logger], stop: Stop) -> pl.Trainer:
    """The Lightning trainer with everything attached.

    Args:
        config: the whole plain config; `trainer` and `callbacks` are used.
        directory: where checkpoints and logs go.
        stop: what the run is told to end by.
    """
    options = dict(config["trainer"])
    for ours in ("compile", "auto_micro_batch"):  # not Lightning's
        options.pop(ours, None)
    accelerator = resolve_accelerator(options.get("accelerator", "auto"))
    _check_device(options, accelerator)
    wanted = str(options.get("precision", "32-true"))
    options["precision"] = effective_precision(wanted, accelerator)
    if options["precision"] != wanted:
        log.info("precision: %s was asked for, a CPU trains in %s instead", wanted, options["precision"])
    if accelerator == "cpu":
        use_fast_float32()
    callbacks = build_callbacks(config.get("callbacks") or {}, directory, bool(loggers), stop)
    bar = any(isinstance(callback, pl.callbacks.ProgressBar) for callback in callbacks)
    summary = any(isinstance(callback, pl.callbacks.ModelSummary) for callback in callbacks)
    options["enable_progress_bar"] = bar and options.get("enable_progress_bar", True)
    if not options["enable_progress_bar"]:
        callbacks = [one for one in callbacks if not isinstance(one, pl.callbacks.ProgressBar)]
    trainer = build(
        "trainer",
        options,
        callbacks=callbacks,
        logger=loggers or False,
        default_root_dir=str(directory.path),
        use_distributed_sampler=False,  # batches are shared out by their plan
        enable_model_summary=summary,
        enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
    )
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:  # not one that the user has chosen
        trainer.strategy.checkpoint_io = WholeCheckpoints()
    _refuse_command_restart(trainer)
    if config["trainer"].get("auto_micro_batch"):
        _refuse_several(trainer)
    return trainer


def build_callbacks(config: dict[str, Any], directory: RunDirectory, logged: bool, stop: Stop) -> list[Callback]:
    """The callbacks of a config, in its order, and those that every run has."""
    callbacks: list[Callback] = [LooseEnds(), BetweenBatches(stop)]  # these come before all others
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


def build_loggers(config: dict[str, Any], directory: RunDirectory) -> list[Logger]:
    """The loggers of a config; those without a folder of their own write into the run's."""
    loggers = []
    for name, options in config.items():
        if options is None:
            continue
        key = f"logger.{name}"
        target = find_target(key, options)
        options = dict(options)
        if options.get("save_dir", "") is None:
            options["save_dir"] = str(directory.path)
        if inspect.isclass(target) and issubclass(target, WandbLogger):
            _prepare_wandb(options, directory)
        if inspect.isclass(target) and issubclass(target, CSVLogger):
            keep_earlier_metrics(directory.path)
        loggers.append(build(key, options))
    return loggers


def _prepare_wandb(options: dict[str, Any], directory: RunDirectory) -> None:
    options["name"] = options.get("name") or directory.path.name
    if sweep := directory.sweep:
        options["group"] = options.get("group") or directory.path.parent.name
        options.setdefault("tags", ["sweep", *sweep.get("swept", [])])
    # The same directory is the same run to W&B too, so that one that goes on stays one.
    options.setdefault("id", directory.name_for_ever)
    options.setdefault("resume", "allow")
    if options.get("offline"):
        # wandb prefers the environment to its arguments.
        os.environ.setdefault("WANDB_SILENT", "true")
        return
    if not _has_wandb_key():
        raise UserError(
            "logger.wandb.offline=false needs a W&B key, and there is none: set WANDB_API_KEY, run "
            "`wandb login`, or keep logger.wandb.offline=true and `wandb sync` the run later."
        )


def _has_wandb_key() -> bool:
    """Whether `wandb login` was done. Not asked of wandb itself, which would fix its settings by the asking."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        hosts = netrc.netrc(os.environ.get("NETRC")).hosts
    except (OSError, netrc.NetrcParseError):
        return False
    server = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname
    return server in hosts


def keep_earlier_metrics(path: Path) -> None:
    """Lightning's CSV logger deletes what it finds: what was written before, or by a fork, gets another name."""
    metrics = path / "metrics.csv"
    if metrics.exists():
        number = sum(1 for _ in path.glob("metrics.*.csv")) + 1
        metrics.rename(path / f"metrics.{number}.csv")


def _check_device(options: dict[str, Any], accelerator: str) -> None:
    """Refuse what Lightning would refuse later, or accept and then break on."""
    if accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise UserError(
            f"trainer.accelerator={options['accelerator']}: no GPU was found on this machine. "
            "Use trainer=default (whatever is there) or trainer=cpu."
        )
    strategy = str(options.get("strategy", "auto"))
    if "fsdp" in strategy and accelerator != "cuda":
        raise UserError(
            f"trainer.strategy={strategy}: FSDP needs GPUs, and this run is on {accelerator}. "
            "Use trainer=default, or trainer=ddp with trainer.strategy=ddp_fork for several CPU processes."
        )


def _refuse_several(trainer: pl.Trainer) -> None:
    if trainer.world_size > 1:
        raise UserError(
            f"trainer.auto_micro_batch=true with {trainer.world_size} processes (trainer.devices): they add up their "
            "gradients amid every batch, and one that splits its own would keep others waiting. Use trainer.devices=1, "
            "or lower data.batch_size and raise trainer.accumulate_grad_batches."
        )


def _refuse_command_restart(trainer: pl.Trainer) -> None:
    """Refuse a strategy that starts this command again for every process: under -m each would run the whole sweep."""
    if not isinstance(trainer.strategy.launcher, _SubprocessScriptLauncher) or trainer.num_devices == 1:
        return
    if HydraConfig.initialized() and HydraConfig.get().mode is RunMode.MULTIRUN:
        raise UserError(
            f"trainer.devices={trainer.num_devices} in a sweep: {type(trainer.strategy).__name__} starts this command "
            "again for every process, and under -m each would run the whole sweep. Use trainer.devices=1 (and a "
            "launcher that runs several at once), or trainer.strategy=ddp_fork (CPU) or ddp_spawn."
        )
