"""An evaluation for the terminal and on disk."""

import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sweepformer.analysis.evaluation.evaluation import Calibration, Evaluation, Measured
from sweepformer.files.atomic import write_text
from sweepformer.files.delimited import delimited
from sweepformer.screen.tables import table_text

MOST_CONFUSED = 10
SHOWN = 80  # characters of a text
WIDEST_BAR = 20  # characters
MEANS = {
    "acc": "accuracy",
    "f1": "F1, mean over classes",
    "f1_micro": "F1 over all labels",
    "mae": "mean distance",
    "pearson": "correlation (Pearson)",
    "loss": "loss",
    "ece": "expected calibration error",
    "ece_raw": "the same before the temperature",
}


def as_text(evaluation: Evaluation) -> str:
    """Tables, the most telling first."""
    metrics = [[MEANS.get(name, name), *_with_interval(one)] for name, one in evaluation.metrics.items()]
    classes = [
        [one.name, f"{one.precision:.3f}", f"{one.recall:.3f}", f"{one.f1:.3f}", f"{one.rows:,}", f"{one.predicted:,}"]
        for one in evaluation.classes
    ]
    sure = [
        [f"{said:.3f}", f"{right:.3f}", f"{rows:,}", "█" * math.floor(right * WIDEST_BAR + 0.5)]
        for said, right, rows in (evaluation.calibration.bins if evaluation.calibration else ())
    ]
    mistakes = [[one.id, _short(one.label), _short(one.prediction), f"{one.weight:.3g}"] for one in evaluation.mistakes]
    about_mistakes = ["row", "true", "predicted", "how sure" if evaluation.calibration else "how far off"]
    if any(one.text is not None for one in evaluation.mistakes):
        about_mistakes.append("text")
        mistakes = [[*row, _short(one.text)] for row, one in zip(mistakes, evaluation.mistakes, strict=True)]
    tables = [
        (f"{evaluation.rows:,} rows", ["", "value", "95 % of the time within"], metrics),
        ("Classes", ["class", "precision", "recall", "F1", "rows", "predicted"], classes),
        ("Most often taken for another", ["true", "predicted", "rows"], _confused(evaluation)),
        ("How sure it was, and how often right", ["said", "right", "rows", ""], sure),
        ("The worst mistakes", about_mistakes, mistakes),
    ]
    parts = [table_text(*table) for table in tables if table[2]]
    return "\n\n".join([*parts, *(f"note: {note}" for note in evaluation.notes)])


def _with_interval(measured: Measured) -> list[str]:
    around = measured.interval
    return [f"{measured.value:.4f}", f"{around.low:.4f} to {around.high:.4f}" if around else ""]


def _confused(evaluation: Evaluation) -> list[list[str]]:
    if evaluation.confusion is None:
        return []
    others = evaluation.confusion * (1 - np.eye(len(evaluation.confusion), dtype=int))
    order = np.argsort(-others, axis=None, kind="stable")[:MOST_CONFUSED]
    names = [one.name for one in evaluation.classes]
    pairs = [divmod(int(place), len(names)) for place in order if others.flat[place]]
    return [[names[true], names[given], f"{others[true, given]:,}"] for true, given in pairs]


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


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
            name: [{"said": said, "right": right, "rows": rows} for said, right, rows in one.bins]
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
    heads = ("row", "label", "prediction", "weight", "text")
    write_text(folder / "mistakes.csv", delimited([heads, *evaluation.mistakes]))
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
        label = f"{name}: error {one.error:.3f}"
        upper.plot(one.confidence[some], one.accuracy[some], style, label=label, markersize=5)
    upper.set(ylabel="share of right answers", xlim=(0, 1), ylim=(0, 1))
    upper.legend(loc="upper left")
    width = 1 / len(after.rows)
    lower.bar(np.arange(len(after.rows)) * width + width / 2, after.rows, width * 0.9)
    lower.set(xlabel="probability of the predicted class", ylabel="rows")
    figure.savefig(path)
