"""What single runs come to: how metrics moved in training, what is taken for what, and the worst mistakes."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow
import pyarrow.compute as pc
import pyarrow.parquet

from sweepformer.analysis.comparison.predictions import FILE, PROBABILITY, NoAnswers, Predictions, read_predictions
from sweepformer.config.kinds import LabelKind
from sweepformer.runs.reading import Run

MOST_CLASSES = 40


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


class Confusion(NamedTuple):
    """counts: (classes, classes) rows of the test split, true classes down, predicted ones across."""

    classes: list[str]
    counts: np.ndarray


class Mistake(NamedTuple):
    """A test row: its id, what was true, what was said; size: how sure the run was, or how far off."""

    id: str
    label: str
    prediction: str
    size: float


def confusion(run: Run) -> Confusion | None:
    """Of rows or of tagged words, those without an answer left out; None of other tasks, and where nothing is kept.

    Of many classes, those that are most confused.
    """
    predictions = _read(run)
    if predictions is None or predictions.kind.labelled not in (LabelKind.CLASS, LabelKind.TAGS):
        return None
    true, given = (predictions.names(name) for name in ("label", "prediction"))
    names = sorted(set(pc.unique(true).to_pylist()) | set(pc.unique(given).drop_null().to_pylist()))
    down, across = (pc.index_in(one, value_set=pyarrow.array(names)) for one in (true, given))
    answered = across.is_valid().to_numpy(zero_copy_only=False)
    places = down.to_numpy(zero_copy_only=False)[answered] * len(names)
    places = (places + across.fill_null(0).to_numpy(zero_copy_only=False)[answered]).astype(np.int64)
    counts = np.bincount(places, minlength=len(names) ** 2).reshape(len(names), -1)
    if len(names) <= MOST_CLASSES:
        return Confusion(names, counts)
    wrong = counts.sum(0) + counts.sum(1) - 2 * counts.diagonal()
    kept = np.sort(np.argsort(-wrong, kind="stable")[:MOST_CLASSES])
    return Confusion([names[one] for one in kept], counts[np.ix_(kept, kept)])


def worst_mistakes(run: Run, most: int) -> list[Mistake]:
    """The rows that a run was surest of and wrong, or, of numbers, furthest off; none of other tasks."""
    predictions = _read(run)
    if predictions is None or predictions.kind.labelled not in (LabelKind.CLASS, LabelKind.NUMBER):
        return []
    ids, label, given = (predictions.column(name).to_pylist() for name in ("id", "label", "prediction"))
    if predictions.kind.labelled.is_a_number:
        size = np.abs(np.array(given) - np.array(label))
    else:
        wrong = np.array([one != other for one, other in zip(label, given, strict=True)])
        size = np.where(wrong, _surest(run, predictions.classes, len(ids)), 0)
    order = [place for place in np.argsort(-size, kind="stable")[:most] if size[place] > 0]
    return [Mistake(str(ids[one]), _shown(label[one]), _shown(given[one]), float(size[one])) for one in order]


def _read(run: Run) -> Predictions | None:
    try:
        return read_predictions(run)
    except NoAnswers:
        return None


def _surest(run: Run, classes: list[str], rows: int) -> np.ndarray:
    """(rows,) the highest probability of each."""
    if not classes:
        return np.ones(rows)
    table = pyarrow.parquet.read_table(run.path / FILE, columns=[PROBABILITY + name for name in classes])
    return np.max([column.to_numpy() for column in table.columns], axis=0)


def _shown(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
