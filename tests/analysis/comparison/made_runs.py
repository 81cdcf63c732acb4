"""Runs as they lie on disk, written in milliseconds by the writer of real ones, with answers of one's choice."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

from sweepformer.runs.directory import RunDirectory, Summary

CLASSES = ("blue", "green", "red")


def write_run(
    path: Path,
    overrides: dict[str, Any],
    columns: dict[str, Any] | None = None,
    task: str = "classification.Classification",
    status: str = "completed",
    metrics: dict[str, float] | None = None,
    **summary: Any,
) -> Path:
    """A run of the model with 2 heads and seed 0 unless overridden. columns: of predictions.parquet, besides `id`."""
    monitor = {"mode": "max", "monitor": "val_acc", "_target_": f"sweepformer.tasks.{task}"}
    config: dict[str, Any] = {"name": path.parent.name, "seed": 0, "task": monitor}
    config |= {"model": {"num_heads": 2, "dropout": 0.1}, "optimizer": {"lr": 0.001}}
    for key, value in overrides.items():
        group, _, last = key.rpartition(".")
        if group:
            config[group][last] = value
        elif not isinstance(config.get(key), dict):
            config[key] = value
    given = [f"{key}={value}" for key, value in overrides.items()]
    directory = RunDirectory(path)
    with directory.held():
        directory.claim(config, {"overrides.yaml": json.dumps(given)})
        if columns:
            ids = [str(row) for row in range(len(next(iter(columns.values()))))]
            pyarrow.parquet.write_table(pyarrow.table({"id": ids, **columns}), directory.predictions)
        if status != "unfinished":
            about = {"seconds": {"training": 10.0}, "parameters": 1000, "tokens": 5000, "epochs": 3, "steps": 30}
            directory.write_summary(
                Summary(status=status, metrics=metrics or {}, overrides=given, **{**about, **summary})
            )
    (path.parent / "sweep.json").write_text("{}")
    return path


def answers(share_right: float, rows: int = 400, seed: int = 1, classes: tuple[str, ...] = CLASSES) -> dict[str, Any]:
    """Labels that are the same for all, and predictions of which about this share is right; with probabilities."""
    label = np.random.default_rng(0).integers(len(classes), size=rows)
    random = np.random.default_rng(seed)
    wrong = (label + random.integers(1, len(classes), size=rows)) % len(classes)
    given = np.where(random.random(rows) < share_right, label, wrong)
    sure = random.uniform(0.5, 1, rows).astype(np.float32)
    names = np.array(classes, dtype=object)
    others = (1 - sure) / (len(classes) - 1)
    columns = {f"probability_{name}": np.where(given == code, sure, others) for code, name in enumerate(classes)}
    return {"label": names[label].tolist(), "prediction": names[given].tolist(), **columns}


def accuracy(columns: dict[str, Any]) -> float:
    return float(np.mean([one == other for one, other in zip(columns["label"], columns["prediction"], strict=True)]))


def write_sweep(path: Path, shares: list[float], **overrides: list[Any]) -> list[Path]:
    """A run for each share of right answers; its validation accuracy is that share. overrides: a value a run."""
    runs = []
    for number, share in enumerate(shares):
        columns = answers(share, seed=number + 1)
        own = {key.replace("__", "."): values[number] for key, values in overrides.items()}
        measured = {"val_acc": share, "val_loss": 1 - share, "test_acc": accuracy(columns)}
        label = ",".join(f"{key}={value}" for key, value in own.items()).replace("/", "_")
        runs.append(
            write_run(
                path / f"{number}-{label}", own, columns, metrics=measured, seconds={"training": 10.0 * (number + 1)}
            )
        )
    return runs
