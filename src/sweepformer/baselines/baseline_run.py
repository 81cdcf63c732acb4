"""One baseline, from a config to the test result: what Lightning's runs leave, without Lightning."""

import logging
import time
from typing import Any

import numpy as np
from pytorch_lightning.loggers import Logger
from sklearn.metrics import accuracy_score, f1_score, log_loss

from sweepformer.baselines.baseline import Baseline
from sweepformer.build import build, find_target
from sweepformer.data.corpus import prepare
from sweepformer.reports.loggers import show_predictions
from sweepformer.reports.predictions import write_predictions
from sweepformer.reports.screen import print_rows
from sweepformer.run_directory import RunDirectory, Summary, replace_file

log = logging.getLogger(__name__)


def is_baseline(model: dict[str, Any]) -> bool:
    """Whether a model's config names a baseline."""
    target = find_target("model", model)
    return isinstance(target, type) and issubclass(target, Baseline)


def fit_and_test(
    config: dict[str, Any], directory: RunDirectory, loggers: list[Logger], summary: Summary, started: float
) -> None:
    """Fit on train, choose on validation, test; the summary takes up what came out."""
    store = prepare(config["data"], config["tokenizer"], config["seed"])
    directory.write_environment(seed=config["seed"], device="cpu", effective_precision=None)
    directory.write_labels(store.classes)
    print_rows(store)
    baseline: Baseline = build("model", config["model"])
    train, val, test = (store.splits[split] for split in ("train", "val", "test"))
    summary.seconds["start_up"] = time.perf_counter() - started
    began = time.perf_counter()
    baseline.fit(train.texts, train.labels, val.texts, val.labels)
    summary.seconds["training"] = time.perf_counter() - began
    summary.parameters = baseline.parameters
    path = directory.path / "checkpoints" / "model.npz"
    path.parent.mkdir(exist_ok=True)
    replace_file(path, lambda temporary: _save(temporary, baseline.state()))
    summary.best_checkpoint = directory.relative(str(path))
    tested = time.perf_counter()
    probabilities = baseline.probabilities(test.texts)
    summary.metrics = {
        **_metrics("val", val.labels, baseline.probabilities(val.texts)),
        **_metrics("test", test.labels, probabilities),
    }
    summary.seconds["test"] = time.perf_counter() - tested
    for logger in loggers:
        logger.log_metrics(summary.metrics, step=0)
    write_predictions(directory.predictions, test.ids, store.classes, test.labels, probabilities)
    show_predictions(loggers, test.labels, probabilities.argmax(1), store.classes, step=0)
    summary.status = "completed"


def _save(path: str, arrays: dict[str, np.ndarray]) -> None:
    with open(path, "wb") as file:  # given a name, numpy would change it
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _metrics(split: str, labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    predictions = probabilities.argmax(1)
    return {
        f"{split}_loss": float(log_loss(labels, probabilities, labels=np.arange(probabilities.shape[1]))),
        f"{split}_acc": float(accuracy_score(labels, predictions)),
        f"{split}_f1": float(f1_score(labels, predictions, average="macro")),
    }
