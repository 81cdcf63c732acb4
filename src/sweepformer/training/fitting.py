"""A training that was built, brought to its end: fitted, its best checkpoint chosen by validation and tested."""

import logging
import resource
import sys
import time
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import TensorBoardLogger

from sweepformer.files.checkpoints import read_checkpoint
from sweepformer.lightning_internals import close_for_now, connected, trains_in_children
from sweepformer.runs.directory import RunDirectory, Summary
from sweepformer.tasks.task import TRAINING_METRICS
from sweepformer.training.attempt import Attempt
from sweepformer.training.building import Training
from sweepformer.training.callbacks.divergence import DivergenceCheck
from sweepformer.training.callbacks.halving import SuccessiveHalving, was_stopped
from sweepformer.training.callbacks.resuming import Clock
from sweepformer.training.callbacks.throughput import Throughput
from sweepformer.training.checkpoints import read_best
from sweepformer.training.checks import told_as_it_is
from sweepformer.training.loggers import keep_earlier_metrics, show_pictures, show_predictions
from sweepformer.training.wide_fit import count_parameters, log_ensemble_weights

log = logging.getLogger(__name__)

C = TypeVar("C", bound=pl.Callback)


def fit(training: Training, attempt: Attempt, checkpoint: Path | None) -> None:
    """Train, from `checkpoint` on if there is one; the summary takes up how far that came, however it ends."""
    trainer, summary = training.trainer, attempt.summary
    summary.parameters = count_parameters(training.task.model)
    if checkpoint:
        log.info("going on from %s", checkpoint)
    summary.seconds["start_up"] = attempt.seconds
    forks = trains_in_children(trainer)
    for logger in training.loggers:
        # TensorBoard writes from a thread, which stays behind in a fork. Who logs next opens the logger anew.
        if forks and isinstance(logger, TensorBoardLogger):
            close_for_now(logger)
    try:
        with told_as_it_is():
            resumed = checkpoint and str(checkpoint)
            trainer.fit(training.task, datamodule=training.data, ckpt_path=resumed, weights_only=True)
    finally:
        _record(trainer, attempt.directory, summary, attempt.seconds - summary.seconds["start_up"])
    if forks:
        keep_earlier_metrics(attempt.directory.path)


def test(training: Training, attempt: Attempt) -> None:
    """Test the weights that were best on validation; the summary takes up what came out."""
    trainer, task, summary = training.trainer, training.task, attempt.summary
    _take_best(training, attempt)
    began = time.perf_counter()
    with told_as_it_is():
        trainer.test(task, datamodule=training.data, verbose=False)
    summary.seconds["test"] = time.perf_counter() - began
    summary.metrics |= {name: float(value) for name, value in trainer.callback_metrics.items()}
    kept, classes = training.predictions.kept, training.store.classes
    if kept is not None:
        if confusion := task.confusion(kept):
            show_predictions(training.loggers, *confusion, classes, summary.steps)
        show_pictures(training.loggers, partial(task.pictures, kept, classes), summary.steps)
    # Asked of the directory: training may have run in processes that are gone.
    stopped = _callback(trainer, SuccessiveHalving) is not None and was_stopped(attempt.directory)
    summary.status = "stopped_early_by_sweep" if stopped else "completed"


def _take_best(training: Training, attempt: Attempt) -> None:
    """Load the weights of the best checkpoint, and take up what they measured."""
    task, summary = training.task, attempt.summary
    choosers = [one for one in training.trainer.checkpoint_callbacks if isinstance(one, ModelCheckpoint)]
    # A run that goes on was told of the best by its checkpoint, which may be somebody else's.
    chooser = next((one for one in choosers if Path(one.dirpath or ".") in Path(one.best_model_path).parents), None)
    summary.best_checkpoint = attempt.directory.relative(chooser.best_model_path) if chooser else None
    if chooser is None:
        log.warning("there is no checkpoint that was best by a metric: the test uses the last weights")
        return
    path = Path(chooser.best_model_path)
    chosen = read_best(path, training.plan.asked, chooser.monitor, chooser.best_model_score)
    task.load_state_dict(chosen["state_dict"])
    log_ensemble_weights(task.model)
    summary.parameters = count_parameters(task.model)  # a run that went on has its wide path from a checkpoint
    others = {name: value for name, value in summary.metrics.items() if not name.startswith(TRAINING_METRICS)}
    summary.metrics = others | chosen["sweepformer"]["metrics"]


def _record(trainer: pl.Trainer, directory: RunDirectory, summary: Summary, here: float) -> None:
    """Put what training came to into the summary. here: seconds that this process has trained."""
    summary.epochs, summary.steps = trainer.current_epoch, trainer.global_step
    throughput, numbers = _callback(trainer, Throughput), _callback(trainer, DivergenceCheck)
    clock = _callback(trainer, Clock)
    if trains_in_children(trainer) and directory.last_checkpoint.exists():
        # Training ran in processes that are gone (ddp_fork, ddp_spawn): what it came to is in the checkpoint.
        last = read_checkpoint(directory.last_checkpoint)
        summary.epochs, summary.steps = last["epoch"] + 1, last["global_step"]
        for one in (throughput, numbers, clock):
            if one and one.state_key in last["callbacks"]:
                one.load_state_dict(last["callbacks"][one.state_key])
    summary.seconds["training"] = max(here, clock.seconds) if clock else here
    summary.seconds["earlier"] = summary.seconds["training"] - here
    if throughput:
        summary.tokens_per_second, summary.padding_share = throughput.tokens_per_second, throughput.padding_share
        summary.mfu = throughput.mfu
        if summary.tokens_per_second:  # of all processes
            summary.tokens = round(summary.tokens_per_second * throughput.seconds)
        summary.seconds["warm_up"] = throughput.warm_up
    if numbers:
        summary.skipped_steps, summary.fp16_overflows = numbers.skipped, numbers.overflows
        summary.loss_spikes = numbers.spikes.count
    summary.peak_memory_bytes = _peak_memory(trainer.strategy.root_device)
    summary.metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}


def _peak_memory(device: torch.device) -> int:
    """Bytes: the GPU's, or of this process or the largest of its children."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    processes = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return max(resource.getrusage(one).ru_maxrss for one in processes) * unit


def _callback(trainer: pl.Trainer, kind: type[C]) -> C | None:
    return next((one for one in connected(trainer).callbacks if isinstance(one, kind)), None)
