"""An evaluation on disk."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sweepformer.analysis.evaluation.calibration import Calibration
from sweepformer.analysis.evaluation.evaluation import Evaluation
from sweepformer.files.atomic import write_text
from sweepformer.files.delimited import delimited


def as_json(evaluation: Evaluation, about: dict[str, Any]) -> str:
    """All of it. about: what was evaluated on what."""
    calibrations = {"after": evaluation.calibration, "before": evaluation.calibration_before}
    content = {
        **about,
        "rows": evaluation.rows,
        "metrics": {
            name: {"value": one.value, **(one.interval._asdict() if one.interval else {})}
            for name, one in evaluation.metrics.items()
        },
        "classes": [one._asdict() for one in evaluation.classes],
        "confusion": None if evaluation.confusion is None else evaluation.confusion.tolist(),
        "calibration": {
            name: [
                {"said": said, "right": right, "rows": int(rows)}
                for said, right, rows in zip(one.confidence, one.accuracy, one.rows, strict=True)
                if rows
            ]
            for name, one in calibrations.items()
            if one is not None
        },
        "mistakes": [one._asdict() for one in evaluation.mistakes],
        "notes": evaluation.notes,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def write_folder(evaluation: Evaluation, about: dict[str, Any], folder: Path) -> None:
    """evaluation.json, mistakes.csv, and where there is one class a row confusion.png and reliability.png."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "evaluation.json", as_json(evaluation, about))
    write_text(
        folder / "mistakes.csv", delimited([("row", "label", "prediction", "weight", "text"), *evaluation.mistakes])
    )
    if evaluation.confusion is not None:
        confusion_picture(evaluation.confusion, [one.name for one in evaluation.classes], folder / "confusion.png")
    if evaluation.calibration is not None and evaluation.calibration_before is not None:
        reliability_picture(evaluation.calibration, evaluation.calibration_before, folder / "reliability.png")


DPI = 120
MOST_NUMBERED = 30  # classes up to which cells show their numbers


def confusion_picture(counts: np.ndarray, classes: list[str], path: Path) -> None:
    """counts: (classes, classes) int, rows are true classes; colours are shares of the row."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = 2.5 + min(0.4 * len(classes), 18)
    figure = Figure(figsize=(side, side), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [name if len(name) <= 40 else name[:39] + "…" for name in classes]
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted", ylabel="true")
    if len(classes) <= MOST_NUMBERED:
        for row, column in zip(*np.nonzero(counts), strict=True):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=7)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # of a name: a box is drawn in its place
        figure.savefig(path)


def reliability_picture(after: Calibration, before: Calibration, path: Path) -> None:
    """How often the run was right, by how sure it was; where rows are, below."""
    figure = Figure(figsize=(6, 7), dpi=DPI, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot((0, 1), (0, 1), color="grey", linewidth=1)
    for one, name, style in ((before, "before the temperature", "s--"), (after, "as it answers", "o-")):
        some = one.rows > 0
        upper.plot(
            one.confidence[some], one.accuracy[some], style, label=f"{name}: error {one.error:.3f}", markersize=5
        )
    upper.set(ylabel="share of right answers", xlim=(0, 1), ylim=(0, 1))
    upper.legend(loc="upper left")
    width = 1 / len(after.rows)
    lower.bar(np.arange(len(after.rows)) * width + width / 2, after.rows, width * 0.9)
    lower.set(xlabel="probability of the predicted class", ylabel="rows")
    figure.savefig(path)
