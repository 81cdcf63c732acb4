"""One training, with Lightning: from a config to the test result."""

import logging
import resource
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import Logger
from pytorch_lightning.strategies.launchers.multiprocessing import _MultiProcessingLauncher
from torch import nn

from sweepformer.config.build import build, find_target
from sweepformer.config.by_rows import asked_for, settled, tell
from sweepformer.config.kinds import KINDS, own_options
from sweepformer.data.corpus import prepare
from sweepformer.data.data_module import Batching, RowsDataModule
from sweepformer.data.long_rows import LongRows
from sweepformer.data.store import Store
from sweepformer.data.tokenizer import vocab_size
from sweepformer.files.atomic import write_text
from sweepformer.files.checkpoints import read_checkpoint
from sweepformer.runs.directory import RunDirectory, Summary
from sweepformer.runs.environment import made_by
from sweepformer.tasks.task import OF_TRAINING, Targets, Task
from sweepformer.training.callbacks.clock import Clock
from sweepformer.training.callbacks.divergence import DivergenceCheck
from sweepformer.training.callbacks.halving import SuccessiveHalving, was_stopped
from sweepformer.training.callbacks.predictions import PredictionWriter
from sweepformer.training.callbacks.throughput import Throughput
from sweepformer.training.checkpoints import read_best
from sweepformer.training.initialization import open_pretrained, take_tokenizer
from sweepformer.training.known_errors import as_mistakes
from sweepformer.training.loggers import let_go, show_pictures, show_predictions
from sweepformer.training.model_making import (
    check_can_do,
    make_model,
    parameters,
    teach_beforehand,
    tell_trust,
    tokens_known,
    with_stem,
)
from sweepformer.training.optimization import build_optimizer, build_schedule
from sweepformer.training.screen import print_rows, print_to_beat, print_tokens
from sweepformer.training.seen_rows import warn_of_seen_rows
from sweepformer.training.stopping import Stop, as_interrupts
from sweepformer.training.trainer import build_trainer, keep_earlier_metrics

log = logging.getLogger(__name__)

C = TypeVar("C", bound=pl.Callback)


def train_and_test(
    config: dict[str, Any],
    directory: RunDirectory,
    checkpoint: Path | None,
    loggers: list[Logger],
    summary: Summary,
    started: float,
    stop: Stop,
    begins_with: str | None = None,
) -> None:
    """Train, choose the best checkpoint on validation, test it; the summary takes up what came out.

    Args:
        checkpoint: what training goes on from; None: it begins.
        started: when the run began, by `time.perf_counter`.
        stop: what the run is told to end by.
        begins_with: the run or checkpoint whose encoder and tokenizer it takes over.

    Raises:
        UserError: the config or the data can't be used as they are.
    """
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    trainer = build_trainer(settled(config, rows=1), directory, loggers, stop)
    summary.effective_precision = config["trainer"]["precision"] = str(trainer.precision)
    kind = getattr(find_target("task", config["task"]), "kind", KINDS["Classification"])
    check_can_do(config["model"], kind)
    pretrained, tokenizer = None, config["tokenizer"]
    if begins_with:
        pretrained = open_pretrained(begins_with)
        tokenizer = take_tokenizer(pretrained, tokenizer, directory)
        warn_of_seen_rows(pretrained, config, kind.labels)
    store = prepare(config["data"], tokenizer, config["seed"], kind.labels, config["task"].get("cut_by"))
    frequent = tokens_known(config, kind, store, pretrained)
    rows, lengths = len(store.splits["train"]), store.splits["train"].lengths
    tokens = 0 if _has_short_epochs(trainer) else int(LongRows.of(config).tokens_read(lengths).sum())
    by_rows = with_stem(settled(config, rows, tokens), kind, pretrained)
    if "max_epochs" in asked_for(config):
        trainer.fit_loop.max_epochs = by_rows["trainer"]["max_epochs"]
    data = _data_module(by_rows, store)
    if trainer.is_global_zero:
        directory.write_environment(
            seed=config["seed"],
            device=_device_name(trainer),
            processes=trainer.world_size,
            effective_precision=summary.effective_precision,
            begins_with=config["model"].get("init_from") or begins_with,
            **store.hashes,
        )
        write_text(directory.path / "tokenizer.json", store.tokenizer.to_str(pretty=True))
        directory.write_labels(store.classes)
        print_rows(store)
        print_tokens(store, data, tokenizer["kind"], frequent)
        tell(config, rows, tokens)
        if kind.predicts == "vocabulary":
            print_to_beat(store)
    model = make_model(by_rows, kind, store, frequent, trainer, pretrained)
    if not checkpoint:  # which holds what was learned
        batches = len(data.plan("train"))
        teach_beforehand(model, config, kind, store, data, -(-rows * _batches_used(trainer, batches) // batches))
    task = _task(config, by_rows, model, store, frequent, data, trainer)
    summary.parameters = parameters(model)
    predictions = PredictionWriter(directory.predictions, store.splits["test"], store.classes)
    _callbacks(trainer).append(predictions)
    if checkpoint:
        log.info("going on from %s", checkpoint)
    summary.seconds["start_up"] = time.perf_counter() - started
    if isinstance(trainer.strategy.launcher, _MultiProcessingLauncher):
        let_go(loggers)
    try:
        with as_mistakes(), as_interrupts():
            trainer.fit(task, datamodule=data, ckpt_path=checkpoint and str(checkpoint), weights_only=True)
    finally:
        _record_training(summary, trainer, directory, started)
    if isinstance(trainer.strategy.launcher, _MultiProcessingLauncher):
        keep_earlier_metrics(directory.path)
    choosers = [one for one in trainer.checkpoint_callbacks if isinstance(one, ModelCheckpoint)]
    # A run that goes on was told of the best by its checkpoint, which may be somebody else's.
    chooser = next((one for one in choosers if Path(one.dirpath or ".") in Path(one.best_model_path).parents), None)
    summary.best_checkpoint = directory.relative(chooser.best_model_path) if chooser else None
    if chooser:
        chosen = read_best(Path(chooser.best_model_path), config, chooser.monitor, chooser.best_model_score)
        task.load_state_dict(chosen["state_dict"])
        tell_trust(model)
        summary.parameters = parameters(model)  # a run that went on has its wide path from a checkpoint
        others = {name: value for name, value in summary.metrics.items() if not name.startswith(OF_TRAINING)}
        summary.metrics = others | chosen["sweepformer"]["metrics"]
    else:
        log.warning("there is no checkpoint that was best by a metric: the test uses the last weights")
    tested = time.perf_counter()
    with as_mistakes(), as_interrupts():
        trainer.test(task, datamodule=data, verbose=False)
    summary.seconds["test"] = time.perf_counter() - tested
    summary.metrics.update({name: float(value) for name, value in trainer.callback_metrics.items()})
    if predictions.kept is not None:
        if confusion := task.confusion(predictions.kept):
            show_predictions(loggers, *confusion, store.classes, summary.steps)
        show_pictures(loggers, partial(task.pictures, predictions.kept, store.classes), summary.steps)
    # Asked of the directory: training may have run in processes that are gone.
    stopped = any(isinstance(one, SuccessiveHalving) for one in _callbacks(trainer)) and was_stopped(directory)
    summary.status = "stopped_early_by_sweep" if stopped else "completed"


def _data_module(config: dict[str, Any], store: Store) -> RowsDataModule:
    data = config["data"]
    batching = Batching(
        batch_size=data.get("batch_size", 64),
        eval_batch_size=data.get("eval_batch_size", 256),
        by=data.get("batching", "tokens"),
        sampling=data.get("sampling", "uniform"),
        packed=config["model"].get("attention") == "varlen",
        always_masked=bool(config["trainer"].get("compile")),
    )
    return RowsDataModule(store, batching, LongRows.of(config), data.get("num_workers", 0), config["seed"])


def _task(
    config: dict[str, Any],
    by_rows: dict[str, Any],
    model: nn.Module,
    store: Store,
    frequent: int | None,
    data: RowsDataModule,
    trainer: pl.Trainer,
) -> Task:
    """config: as it is saved, by which the run is known; by_rows: the same with what goes by its rows, and its
    stem; frequent: as `tokens_known` says."""
    plan = data.plan("train", trainer.world_size)
    batches = -(-len(plan) // trainer.world_size)
    options = own_options(config["task"])
    return build(
        "task",
        options,
        model=model,
        make_optimizer=lambda module: build_optimizer(by_rows["optimizer"], module),
        make_schedule=lambda optimizer: build_schedule(by_rows["scheduler"], optimizer, _total_steps(trainer, batches)),
        targets=Targets(
            classes=store.classes,
            labels=store.splits["train"].labels,
            rows_per_batch=len(data.rows["train"]) / len(plan),
            tokens_per_batch=float(data.rows["train"].lengths.sum() / len(plan)),
            tokenizer=store.tokenizer,
            seed=config["seed"],
        ),
        saved={
            "config": config,
            "classes": store.classes,
            "tokenizer": store.tokenizer.to_str(),
            "vocab_size": vocab_size(store.tokenizer),
            "frequent": frequent,
            "stem": by_rows["model"].get("stem"),
            "pairs": store.pairs,
            **made_by(),
        },
        auto_micro_batch=bool(config["trainer"].get("auto_micro_batch")),
    )


def _total_steps(trainer: pl.Trainer, batches: int) -> int:
    """Optimizer steps of the whole training, from the plan: Lightning's own estimate would build the loaders."""
    steps_an_epoch = max(-(-_batches_used(trainer, batches) // trainer.accumulate_grad_batches), 1)
    by_epochs = steps_an_epoch * trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else None
    limits = [steps for steps in (by_epochs, trainer.max_steps) if steps is not None and steps > 0]
    return min(limits) if limits else steps_an_epoch * 1000


def _batches_used(trainer: pl.Trainer, batches: int) -> int:
    """How many of an epoch's batches are trained on."""
    limit = trainer.overfit_batches or trainer.limit_train_batches  # type: ignore[attr-defined]  # set by its connectors
    if isinstance(limit, float):
        return max(int(batches * limit), 1) if limit < 1 else batches
    return min(batches, limit)


def _has_short_epochs(trainer: pl.Trainer) -> bool:
    """Whether they end before all rows are read."""
    return _batches_used(trainer, sys.maxsize) < sys.maxsize


def _record_training(summary: Summary, trainer: pl.Trainer, directory: RunDirectory, started: float) -> None:
    here = time.perf_counter() - started - summary.seconds["start_up"]
    summary.epochs, summary.steps = trainer.current_epoch, trainer.global_step
    throughput, numbers = _callback(trainer, Throughput), _callback(trainer, DivergenceCheck)
    clock = _callback(trainer, Clock)
    if isinstance(trainer.strategy.launcher, _MultiProcessingLauncher) and directory.last_checkpoint.exists():
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
    if trainer.strategy.root_device.type == "cuda":
        summary.peak_memory_bytes = torch.cuda.max_memory_allocated()
    else:
        unit = 1 if sys.platform == "darwin" else 1024
        processes = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
        summary.peak_memory_bytes = max(resource.getrusage(one).ru_maxrss for one in processes) * unit
    summary.metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}


def _callbacks(trainer: pl.Trainer) -> list[pl.Callback]:
    return trainer.callbacks  # type: ignore[attr-defined]  # set by one of its connectors


def _callback(trainer: pl.Trainer, kind: type[C]) -> C | None:
    return next((one for one in _callbacks(trainer) if isinstance(one, kind)), None)


def _device_name(trainer: pl.Trainer) -> str:
    device = trainer.strategy.root_device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
