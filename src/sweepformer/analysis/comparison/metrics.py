"""What runs are compared by: a metric, whether a large one is good, how it moved in training, what the result costs."""

import csv
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sweepformer.config.kinds import task_kind
from sweepformer.config.metrics import recorded_direction
from sweepformer.errors import UserError, hint
from sweepformer.runs.reading import Run


@dataclass(frozen=True)
class Metric:
    """What runs are ranked by (`name`), and what of the test split stands beside it and is tested (`test`).

    mode, test_mode: "max" or "min", is a large one good or a small one.
    """

    name: str
    test: str
    mode: str
    test_mode: str


def choose_metric(runs: Sequence[Run], given: str | None) -> Metric:
    """The metric that is asked for, or what the runs, which have results, chose their best checkpoints by.

    Raises:
        UserError: no run has it, or the runs go by different ones and none was asked for.
    """
    found = Counter(run.config.get("task", {}).get("monitor", "val_acc") for run in runs)
    if given is None and len(found) > 1:
        several = ", ".join(f"{name} ({count} runs)" for name, count in found.most_common())
        raise UserError(
            f"these runs go by different metrics: {several}. Compare them apart, or choose one that they share with "
            "--metric NAME."
        )
    name = given or next(iter(found))
    asked = f"--metric {name}" if given else f"task.monitor={name}"
    measured = dict.fromkeys(metric for run in runs for metric in run.summary.metrics)
    if name not in measured:
        has = ", ".join(measured) or "none"
        raise UserError(f"{asked}: no run has it. They have: {has}.{hint(name, measured)} Choose with --metric NAME.")
    mode = recorded_direction(name, *(run.config.get("task", {}) for run in runs))
    if name.startswith("test_"):
        return Metric(name, name, mode, mode)
    alike = name.partition("_")[2]
    kinds = {task_kind(run.config.get("task", {})) for run in runs}
    kind = kinds.pop() if len(kinds) == 1 else None
    if alike == "loss" and kind and kind.labelled.has_names and f"test_{kind.metrics[0]}" in measured:
        # By their `test_loss`, which doesn't follow from `predictions.parquet`, no run could be told from another.
        return Metric(name, f"test_{kind.metrics[0]}", mode, "max")
    return Metric(name, f"test_{alike}", mode, mode)


COSTS: dict[str, Callable[[Run], float | None]] = {
    "training seconds": lambda run: run.summary.seconds.get("training"),
    "tokens": lambda run: run.summary.tokens,
    "parameters": lambda run: run.summary.parameters,
}


def pareto_front(runs: Sequence[Run], metric: Metric, cost: str) -> list[Run]:
    """The runs of which none is both cheaper and better, the cheapest first; those of unknown cost are left out."""
    sign = -1 if metric.mode == "max" else 1
    priced = [(COSTS[cost](run), sign * run.metric(metric.name), run) for run in runs]
    known = [(price, value, run) for price, value, run in priced if price is not None and not math.isnan(value)]
    front: list[Run] = []
    best = math.inf
    for _, value, run in sorted(known, key=lambda one: one[:2]):
        if value < best or not front:
            front.append(run)
            best = value
    return front


class Curve(NamedTuple):
    """Values by optimizer step."""

    steps: list[int]
    values: list[float]


def read_curves(run: Run, names: Sequence[str]) -> dict[str, Curve]:
    """The curves of these metrics, of those that were logged and can be read.

    From `metrics.csv` where there is one, else from TensorBoard's files.
    """
    try:
        if (run.path / "metrics.csv").exists():
            return _from_csv(run.path, names)
        if any((run.path / "tensorboard").glob("events.*")):
            return _from_tensorboard(run.path / "tensorboard", names)
    except (OSError, ValueError, csv.Error):  # a logger's file may be torn, and is no reason to show nothing
        pass
    return {}


def _from_csv(path: Path, names: Sequence[str]) -> dict[str, Curve]:
    """Earlier parts of a run that was interrupted are called `metrics.1.csv` and so on."""
    earlier = sorted(path.glob("metrics.*.csv"), key=lambda file: (len(file.name), file.name))
    points: dict[str, dict[int, float]] = {name: {} for name in names}
    for file in (*earlier, path / "metrics.csv"):
        with file.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                for name in names:
                    if row.get("step") and row.get(name):
                        points[name][int(row["step"])] = float(row[name])  # what was done again counts
    ordered = {name: sorted(found.items()) for name, found in points.items() if found}
    return {name: Curve([step for step, _ in found], [value for _, value in found]) for name, found in ordered.items()}


def _from_tensorboard(path: Path, names: Sequence[str]) -> dict[str, Curve]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    # All scalars; of everything else, the pictures above all, as little as can be asked for.
    sizes = {"scalars": 0, "images": 1, "tensors": 1, "histograms": 1, "compressedHistograms": 1, "audio": 1}
    events = EventAccumulator(str(path), size_guidance=sizes).Reload()
    logged = events.Tags()["scalars"]
    found = {name: events.Scalars(name) for name in names if name in logged}
    return {name: Curve([one.step for one in points], [one.value for one in points]) for name, points in found.items()}
