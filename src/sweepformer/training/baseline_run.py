"""One baseline, from a config to the test result: what Lightning's runs leave, without Lightning."""

import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics import Metric

from sweepformer.baselines.baseline import Baseline, save_baseline, with_unseen
from sweepformer.config.build import build, find_target
from sweepformer.config.choices import with_choices
from sweepformer.config.kinds import LabelKind, own_options
from sweepformer.data.corpus import prepare
from sweepformer.data.store import Store, TokenizedRows
from sweepformer.errors import UserError
from sweepformer.models.layout import Layout
from sweepformer.runs.directory import Summary
from sweepformer.runs.environment import made_by
from sweepformer.tasks.task import Targets, Task
from sweepformer.training.attempt import Attempt
from sweepformer.training.callbacks.predictions import write_predictions
from sweepformer.training.loggers import build_loggers, show_pictures, show_predictions
from sweepformer.training.plan import of_the_labels
from sweepformer.training.records import print_rows, record_choices

log = logging.getLogger(__name__)

# Options of training that change nothing about a baseline, and what they are when nobody asks for them.
IDLE_FOR_BASELINES: dict[str, Any] = {
    "task.label_smoothing": 0, "task.class_weights": "none", "task.focal_gamma": 0, "task.r_drop": 0, "task.mixup": 0,
    "task.loss": "mse", "task.label_pieces": "first", "data.sampling": "uniform",
}  # fmt: skip


def is_baseline(model: dict[str, Any]) -> bool:
    """Whether a model's config names a baseline."""
    target = find_target("model", model)
    return isinstance(target, type) and issubclass(target, Baseline)


def fit_baseline(attempt: Attempt) -> None:
    """Fit on train, choose on validation, test; the summary takes up what came out."""
    request, directory, summary = attempt.request, attempt.directory, attempt.summary
    config, labels = request.config, request.kind.labelled
    open_baseline = _build_baseline(config["model"], labels)
    asked = {f"{group}.{key}": value for group in ("task", "data") for key, value in config[group].items()}
    if idle := [f"{key}={asked[key]}" for key, usual in IDLE_FOR_BASELINES.items() if asked.get(key, usual) != usual]:
        log.info("no effect on %s: %s", type(open_baseline).__name__, ", ".join(idle))
    store = prepare(config["data"], config["tokenizer"], config["seed"], labels)
    train, val = store.splits["train"], store.splits["val"]
    directory.write_environment(seed=config["seed"], device="cpu", **store.hashes)
    directory.write_labels(store.classes)
    print_rows(store)
    choices = [of_the_labels(request.kind), *open_baseline.choices(train.texts)]
    record_choices(choices, directory)
    baseline = _build_baseline(with_choices(config, choices)["model"], labels)
    loggers = build_loggers(config.get("logger") or {}, directory)
    summary.seconds["start_up"] = attempt.seconds
    began = time.perf_counter()
    baseline.fit(train.texts, _labels(train), *_to_choose_on(val, train))
    summary.seconds["training"] = time.perf_counter() - began
    summary.parameters = baseline.parameters
    began = time.perf_counter()
    targets = Targets(store.classes, train.labels, len(train), float(train.lengths.sum()))
    untrained = {"model": _NoModel(), "make_optimizer": None, "make_schedule": None}
    task: Task = build("task", own_options(config["task"]), **untrained, targets=targets)
    logits = torch.from_numpy(with_unseen(baseline.logits(val.texts), len(store.classes)))
    task.choose(logits, torch.from_numpy(val.answers))
    path = directory.checkpoints / "model.npz"
    about = {**made_by(), "config": config, "classes": store.classes, "pairs": store.pairs}
    chosen = task.state_dict()  # what the task itself has chosen or measured: the baseline answers without it
    save_baseline(path, baseline.state(), chosen.pop("_extra_state", {}) | chosen, about)
    summary.best_checkpoint = directory.relative(str(path))
    _measure("val", task, logits, val, store.classes, summary)
    attempt.begin(loggers)
    _test(baseline, task, store, attempt)
    summary.seconds["test"] = time.perf_counter() - began
    summary.status = "completed"


def _build_baseline(model: dict[str, Any], labels: LabelKind) -> Baseline:
    baseline: Baseline = build("model", model)
    if labels not in baseline.labels:
        raise UserError(
            f"model: {type(baseline).__name__} can't do this task: it learns from rows with "
            f"{' or '.join(LabelKind(one).in_words for one in baseline.labels)}, and those of the task have "
            f"{labels.in_words}. Choose a transformer, such as model=small."
        )
    return baseline.suited_to(labels)


def _test(baseline: Baseline, task: Task, store: Store, attempt: Attempt) -> None:
    """Measure the test split's answers, and write and show them."""
    test, classes, loggers = store.splits["test"], store.classes, attempt.loggers
    logits = torch.from_numpy(with_unseen(baseline.logits(test.texts), len(classes)))
    _measure("test", task, logits, test, classes, attempt.summary)
    for logger in loggers:
        logger.log_metrics(attempt.summary.metrics, step=0)
    answers = task.answer(logits, torch.from_numpy(test.answers))
    kept = {name: one.numpy() if isinstance(one, Tensor) else one for name, one in answers.items()}
    columns = task.prediction_columns(kept, classes)
    write_predictions(attempt.directory.predictions, test, range(len(test)), columns)
    if confusion := task.confusion(kept):
        show_predictions(loggers, *confusion, classes, step=0)
    show_pictures(loggers, partial(task.pictures, kept, classes), step=0)


def _to_choose_on(val: TokenizedRows, train: TokenizedRows) -> tuple[Sequence[str], np.ndarray]:
    """Texts and labels of the validation rows that have no class or tag which train lacks."""
    labels = _labels(val)
    if labels.dtype.kind not in "iu":
        return val.texts, labels
    rows = val.answers[:, 1] if val.tagged else np.arange(len(val))
    strange = set(rows[labels > _labels(train).max()].tolist())
    texts = [text for row, text in enumerate(val.texts) if row not in strange]
    return texts, labels[[row not in strange for row in rows.tolist()]]


def _labels(rows: TokenizedRows) -> np.ndarray:
    """As baselines want them: of words, which they see whole, rather than of tokens."""
    return rows.answers[:, 0] if rows.tagged else rows.labels


class _NoModel(nn.Module):
    """Takes the place of a model in a task that only measures; it can do all that options of training ask for."""

    def forward(self, token_ids: Tensor, layout: Layout = None, mixing: Any = None) -> Tensor:
        raise RuntimeError("a baseline is asked by its texts")


def _measure(split: str, task: Task, logits: Tensor, rows: TokenizedRows, classes: list[str], summary: Summary) -> None:
    """Put a split's metrics into the summary."""
    metrics = cast("dict[str, Metric]", (task.test_metrics if split == "test" else task.metrics)(classes))
    task.measure(metrics, logits, task.wanted(torch.from_numpy(rows.answers)))
    summary.metrics |= {f"{split}_{name}": float(metric.compute()) for name, metric in metrics.items()}
