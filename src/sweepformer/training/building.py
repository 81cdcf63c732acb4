"""What trains, built from a plan: data, trainer, and the task with its model."""

from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger
from torch import nn

from sweepformer.config.build import build
from sweepformer.config.kinds import own_options
from sweepformer.data.data_module import Batching, RowsDataModule
from sweepformer.data.store import Store
from sweepformer.data.tokenizer import vocab_size, words_by_id
from sweepformer.data.truncation import Truncation
from sweepformer.runs.environment import made_by
from sweepformer.tasks.task import Targets, Task
from sweepformer.training.attempt import Attempt
from sweepformer.training.callbacks.predictions import PredictionWriter
from sweepformer.training.devices import compile_in_place
from sweepformer.training.initialization import Pretrained, take_encoder
from sweepformer.training.loggers import build_loggers
from sweepformer.training.optimization import build_optimizer, build_schedule, freeze
from sweepformer.training.plan import Plan, batches_used, total_steps
from sweepformer.training.trainer import build_trainer
from sweepformer.training.wide_fit import fit_wide, wide_path_of


@dataclass(frozen=True)
class Training:
    """What trains, ready to begin.

    loggers: built, not told anything yet; predictions: takes what the test answers.
    """

    plan: Plan
    store: Store
    data: RowsDataModule
    loggers: list[Logger]
    predictions: PredictionWriter
    trainer: pl.Trainer
    task: Task


def build_data(plan: Plan, store: Store) -> RowsDataModule:
    """The store's rows in batches as the plan has them."""
    config = plan.config
    data = config["data"]
    batching = Batching(
        batch_size=data.get("batch_size", 64),
        eval_batch_size=data.get("eval_batch_size", 256),
        by=data.get("batching", "tokens"),
        sampling=data.get("sampling", "uniform"),
        packed=config["model"].get("attention") == "varlen",
        always_masked=bool(config["trainer"].get("compile")),
    )
    return RowsDataModule(store, batching, Truncation.of(config), data.get("num_workers", 0), config["seed"])


def build_training(
    plan: Plan, store: Store, data: RowsDataModule, attempt: Attempt, pretrained: Pretrained | None
) -> Training:
    """Trainer, model and task; raises a UserError where one can't be built with the values of the config."""
    predictions = PredictionWriter(attempt.directory.predictions, store.splits["test"], store.classes)
    loggers = build_loggers(plan.config.get("logger") or {}, attempt.directory) if attempt.is_first_process else []
    trainer = build_trainer(plan, attempt, loggers, predictions)
    model = _build_model(plan, trainer, pretrained)
    task = _build_task(plan, store, data, attempt, trainer, model)
    return Training(plan, store, data, loggers, predictions, trainer, task)


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
        compile_in_place(model, trainer.strategy.root_device)
    return model


def _build_task(
    plan: Plan, store: Store, data: RowsDataModule, attempt: Attempt, trainer: pl.Trainer, model: nn.Module
) -> Task:
    config, rows = plan.config, data.rows["train"]
    batches = data.plan("train", trainer.world_size)
    steps = total_steps(config["trainer"], -(-len(batches) // trainer.world_size))
    return build(
        "task",
        own_options(config["task"]),
        model=model,
        make_optimizer=lambda module: build_optimizer(config["optimizer"], module),
        make_schedule=lambda optimizer: build_schedule(config["scheduler"], optimizer, steps),
        targets=Targets(
            classes=store.classes,
            labels=store.splits["train"].labels,
            rows_per_batch=len(rows) / len(batches),
            tokens_per_batch=float(rows.lengths.sum() / len(batches)),
            tokenizer=store.tokenizer,
            seed=config["seed"],
        ),
        saved=_saved(plan, store, attempt.request.config, str(trainer.precision)),
        auto_micro_batch=bool(config["trainer"].get("auto_micro_batch")),
    )


def _saved(plan: Plan, store: Store, asked: dict[str, Any], precision: str) -> dict[str, object]:
    """What every checkpoint carries, so that it can be used without the run's directory. asked: the run's config."""
    return {
        "config": {**asked, "trainer": {**asked["trainer"], "precision": precision}},
        "classes": store.classes,
        "tokenizer": store.tokenizer.to_str(),
        "vocab_size": vocab_size(store.tokenizer),
        "frequent": plan.frequent,
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
