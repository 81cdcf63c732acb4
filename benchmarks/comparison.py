"""How long `src.compare` takes over many runs.

    python -m benchmarks.comparison

The runs are written here, with random answers to one test split; their event files are TensorBoard's. Each way of
telling is a process of its own, as it is typed; medians are told.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
from torch.utils.tensorboard import SummaryWriter

from benchmarks.record import ROOT, record
from sweepformer.runs.directory import RunDirectory, Summary

CLASSES = [f"class {code}" for code in range(20)]
EPOCHS = 10
WAYS = {
    "text": [],
    "json": ["--json", "all.json"],
    "html": ["--html", "page.html"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--rows", type=int, default=5000, help="of the test split")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    of_cpu: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        sweep = Path(folder) / "sweep"
        write_sweep(sweep, options.runs, options.rows)
        for _ in range(options.repeats):
            for way, arguments in WAYS.items():
                took, cpu = timed([str(sweep), *arguments], Path(folder))
                seconds[way].append(took)
                of_cpu[way].append(cpu)
            print({way: round(found[-1], 2) for way, found in seconds.items()}, flush=True)
    medians = {way: statistics.median(found) for way, found in seconds.items()}
    medians |= {f"{way}, cpu": statistics.median(found) for way, found in of_cpu.items()}
    sizes = {"runs": options.runs, "rows": options.rows, "classes": len(CLASSES), "resamples": 1000}
    print(json.dumps(medians, indent=1))
    print(
        "written:",
        record("comparison", {**sizes, "seconds": seconds, "cpu_seconds": of_cpu, "median_seconds": medians}),
    )


def timed(arguments: list[str], folder: Path) -> tuple[float, float]:
    """Seconds from the command to its end, and of the processor: where others share it, only these mean something."""
    began, before = time.perf_counter(), _cpu_of_children()
    subprocess.run(
        [sys.executable, "-m", "src.compare", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - began, _cpu_of_children() - before


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write_sweep(path: Path, runs: int, rows: int) -> None:
    """Runs over learning rate, dropout and heads, the better the closer the rate is to 1e-3."""
    random = np.random.default_rng(0)
    label = random.integers(len(CLASSES), size=rows)
    probabilities = random.dirichlet(np.ones(len(CLASSES)), rows).astype(np.float32)
    for number in range(runs):
        lr, dropout, heads = 10 ** random.uniform(-5, -2), random.choice([0.1, 0.3]), int(random.choice([2, 4, 8]))
        share = 0.85 - 0.05 * abs(np.log10(lr) + 3)
        settings = {"optimizer.lr": float(lr), "model.dropout": float(dropout), "model.num_heads": heads}
        answers = np.where(random.random(rows) < share, label, random.integers(len(CLASSES), size=rows))
        write_run(path / f"{number}-lr={lr:.6g}", settings, (label, answers, probabilities), float(random.normal()))
    (path / "sweep.json").write_text("{}")


def write_run(
    path: Path, settings: dict[str, float], rows: tuple[np.ndarray, np.ndarray, np.ndarray], luck: float
) -> None:
    """One run. rows: labels, answers and probabilities of the test split; luck: of its validation."""
    label, given, probabilities = rows
    config = {"seed": 0, "task": {"_target_": "sweepformer.tasks.classification.Classification", "monitor": "val_acc"}}
    for key, value in settings.items():
        group, _, name = key.partition(".")
        config.setdefault(group, {})[name] = value  # type: ignore[attr-defined]
    accuracy = float((given == label).mean())
    directory = RunDirectory(path)
    with directory.held():
        directory.claim(config, {})
        names = np.array(CLASSES, dtype=object)
        columns = {"id": [str(row) for row in range(len(label))], "label": names[label], "prediction": names[given]}
        columns |= {f"probability_{name}": probabilities[:, code] for code, name in enumerate(CLASSES)}
        pyarrow.parquet.write_table(pyarrow.table(columns), directory.predictions)
        with SummaryWriter(str(path / "tensorboard")) as writer:
            for step in range(10 * EPOCHS):
                writer.add_scalar("train_loss_step", 1 / (step + 1), step)
            for epoch in range(EPOCHS):
                writer.add_scalar("val_acc", accuracy * (epoch + 1) / EPOCHS, 10 * epoch)
            writer.add_image("confusion_matrix", np.zeros((3, 600, 600), dtype=np.uint8))
        metrics = {"val_acc": accuracy + 0.005 * luck, "test_acc": accuracy}
        overrides = [f"{key}={value}" for key, value in settings.items()]
        seconds = {"training": 50 + 10 * luck}
        directory.write_summary(
            Summary("completed", metrics, overrides=overrides, seconds=seconds, parameters=1000, epochs=EPOCHS)
        )


if __name__ == "__main__":
    main()
