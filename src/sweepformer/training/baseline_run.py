"""One baseline, from a config to the test result: what Lightning's runs leave, without Lightning."""

import logging
import time
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from pytorch_lightning.loggers import Logger
from torch import Tensor, nn
from torchmetrics import Metric

from sweepformer.baselines.baseline import Baseline, save_baseline
from sweepformer.config.build import build, find_target
from sweepformer.config.kinds import Kind, LabelKind, own_options
from sweepformer.data.corpus import prepare
from sweepformer.data.store import Store, TokenizedRows
from sweepformer.errors import UserError
from sweepformer.models.layout import Layout
from sweepformer.runs.directory import RunDirectory, Summary
from sweepformer.runs.environment import made_by
from sweepformer.tasks.task import Targets, Task
from sweepformer.training.callbacks.predictions import write_predictions
from sweepformer.training.loggers import show_pictures, show_predictions
from sweepformer.training.screen import print_rows

log = logging.getLogger(__name__)

# Options of training that change nothing about a baseline, and what they are when nobody asks for them.
OF_TRAINING: dict[str, dict[str, Any]] = {
    "task": {
        "class_weights": "none",
        "focal_gamma": 0,
        "r_drop": 0,
        "mixup": 0,
        "loss": "mse",
        "label_pieces": "first",
    },
    "data": {"sampling": "uniform"},
}


def is_baseline(model: dict[str, Any]) -> bool:
    """Whether a model's config names a baseline."""
    target = find_target("model", model)
    return isinstance(target, type) and issubclass(target, Baseline)


def fit_and_test(
    config: dict[str, Any], directory: RunDirectory, loggers: list[Logger], summary: Summary, started: float
) -> None:
    """Fit on train, choose on validation, test; the summary takes up what came out."""
    kind: Kind = find_target("task", config["task"]).kind
    baseline: Baseline = build("model", config["model"])
    if kind.labelled not in baseline.labels:
        raise UserError(
            f"model: {type(baseline).__name__} can't do this task: it learns from rows with "
            f"{' or '.join(LabelKind(one).in_words for one in baseline.labels)}, and those of the task have "
            f"{kind.labelled.in_words}. Choose a transformer, such as model=small."
        )
    _tell_of_idle_options(config, type(baseline).__name__)
    baseline = baseline.suited_to(kind.labelled)
    store = prepare(config["data"], config["tokenizer"], config["seed"], kind.labelled)
    directory.write_environment(seed=config["seed"], device="cpu", **store.hashes)
    directory.write_labels(store.classes)
    print_rows(store)
    train, val, test = (store.splits[split] for split in ("train", "val", "test"))
    summary.seconds["start_up"] = time.perf_counter() - started
    began = time.perf_counter()
    baseline.fit(train.texts, _labels(train), val.texts, _labels(val))
    summary.seconds["training"] = time.perf_counter() - began
    summary.parameters = baseline.parameters
    tested = time.perf_counter()
    task = _task(config, store)
    logits = torch.from_numpy(baseline.logits(val.texts))
    task.choose(logits, torch.from_numpy(val.answers))
    path = directory.checkpoints / "model.npz"
    about = {**made_by(), "config": config, "classes": store.classes, "pairs": store.pairs}
    save_baseline(path, baseline.state(), _chosen(task), about)
    summary.best_checkpoint = directory.relative(str(path))
    _measure("val", task, logits, val, store.classes, summary)
    logits = torch.from_numpy(baseline.logits(test.texts))
    _measure("test", task, logits, test, store.classes, summary)
    summary.seconds["test"] = time.perf_counter() - tested
    for logger in loggers:
        logger.log_metrics(summary.metrics, step=0)
    answers = task.answer(logits, torch.from_numpy(test.answers))
    kept = {name: one.numpy() if isinstance(one, Tensor) else one for name, one in answers.items()}
    write_predictions(directory.predictions, test, range(len(test)), task.prediction_columns(kept, store.classes))
    if confusion := task.confusion(kept):
        show_predictions(loggers, *confusion, store.classes, step=0)
    show_pictures(loggers, partial(task.pictures, kept, store.classes), step=0)
    summary.status = "completed"


def _tell_of_idle_options(config: dict[str, Any], name: str) -> None:
    idle = [
        f"{group}.{key}={config[group][key]}"
        for group, usual in OF_TRAINING.items()
        for key in usual
        if config[group].get(key, usual[key]) != usual[key]
    ]
    if idle:
        log.info("no effect on %s: %s", name, ", ".join(idle))


def _labels(rows: TokenizedRows) -> np.ndarray:
    """As baselines want them: of words, which they see whole, rather than of tokens."""
    return rows.answers[:, 0] if rows.tagged else rows.labels


def _task(config: dict[str, Any], store: Store) -> Task:
    """The task without a model: it measures what the baseline answers."""
    options = own_options(config["task"])
    train = store.splits["train"]
    targets = Targets(store.classes, train.labels, len(train), float(train.lengths.sum()))
    return build("task", options, model=_NoModel(), make_optimizer=None, make_schedule=None, targets=targets)


class _NoModel(nn.Module):
    """Takes the place of a model in a task that trains none; it can do all that options of training ask for."""

    def forward(self, token_ids: Tensor, layout: Layout = None, mixing: Any = None) -> Tensor:
        raise RuntimeError("a baseline is asked by its texts")


def _measure(split: str, task: Task, logits: Tensor, rows: TokenizedRows, classes: list[str], summary: Summary) -> None:
    """Put a split's metrics into the summary."""
    metrics = cast("dict[str, Metric]", (task.test_metrics if split == "test" else task.metrics)(classes))
    task.measure(metrics, logits, task.wanted(torch.from_numpy(rows.answers)))
    summary.metrics |= {f"{split}_{name}": float(metric.compute()) for name, metric in metrics.items()}


def _chosen(task: Task) -> dict[str, Any]:
    """What the task itself has chosen or measured: it is no part of the baseline, which answers without it."""
    state = task.state_dict()
    return state.pop("_extra_state", {}) | state
