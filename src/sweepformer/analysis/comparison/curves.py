"""How metrics moved in training: from `metrics.csv` where there is one, else from TensorBoard's files."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sweepformer.runs.reading import Run


class Curve(NamedTuple):
    """Values by optimizer step."""

    steps: list[int]
    values: list[float]


def read_curves(run: Run, names: Sequence[str]) -> dict[str, Curve]:
    """The curves of these metrics, of those that were logged and can be read."""
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
    return {name: _by_step(found) for name, found in points.items() if found}


def _by_step(found: dict[int, float]) -> Curve:
    steps = sorted(found)
    return Curve(steps, [found[step] for step in steps])


def _from_tensorboard(path: Path, names: Sequence[str]) -> dict[str, Curve]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    # All scalars; of everything else, the pictures above all, as little as can be asked for.
    sizes = {"scalars": 0, "images": 1, "tensors": 1, "histograms": 1, "compressedHistograms": 1, "audio": 1}
    events = EventAccumulator(str(path), size_guidance=sizes).Reload()
    logged = events.Tags()["scalars"]
    found = {name: events.Scalars(name) for name in names if name in logged}
    return {name: Curve([one.step for one in points], [one.value for one in points]) for name, points in found.items()}
