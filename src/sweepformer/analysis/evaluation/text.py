"""An evaluation for the terminal."""

import math
from typing import Any

import numpy as np

from sweepformer.analysis.evaluation.calibration import Calibration
from sweepformer.analysis.evaluation.evaluation import ClassScores, Evaluation, Measured
from sweepformer.screen.tables import table_text

MOST_CONFUSED = 10
SHOWN = 80  # characters of a text
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
    parts = [table_text(f"{evaluation.rows:,} rows", ["", "value", "95 % of the time within"], metrics)]
    if evaluation.classes:
        parts.append(_class_table(evaluation.classes))
    if evaluation.confusion is not None and (confused := _confused(evaluation)):
        parts.append(table_text("Most often taken for another", ["true", "predicted", "rows"], confused))
    if evaluation.calibration is not None:
        parts.append(_reliability(evaluation.calibration))
    if evaluation.mistakes:
        parts.append(_mistakes(evaluation))
    return "\n\n".join([*parts, *(f"note: {note}" for note in evaluation.notes)])


def _with_interval(measured: Measured) -> list[str]:
    around = measured.interval
    return [f"{measured.value:.4f}", f"{around.low:.4f} to {around.high:.4f}" if around else ""]


def _class_table(classes: list[ClassScores]) -> str:
    rows = [
        [one.name, f"{one.precision:.3f}", f"{one.recall:.3f}", f"{one.f1:.3f}", f"{one.rows:,}", f"{one.predicted:,}"]
        for one in classes
    ]
    return table_text("Classes", ["class", "precision", "recall", "F1", "rows", "predicted"], rows)


def _confused(evaluation: Evaluation) -> list[list[str]]:
    assert evaluation.confusion is not None
    others = evaluation.confusion * (1 - np.eye(len(evaluation.confusion), dtype=int))
    order = np.argsort(-others, axis=None, kind="stable")[:MOST_CONFUSED]
    names = [one.name for one in evaluation.classes]
    pairs = [divmod(int(place), len(names)) for place in order if others.flat[place]]
    return [[names[true], names[given], f"{others[true, given]:,}"] for true, given in pairs]


def _reliability(calibration: Calibration) -> str:
    """The bins that have rows: a well calibrated run is right as often as it says."""
    bins = zip(calibration.confidence, calibration.accuracy, calibration.rows, strict=True)
    rows = [[f"{said:.3f}", f"{right:.3f}", f"{count:,}", _bar(right)] for said, right, count in bins if count]
    return table_text("How sure it was, and how often right", ["said", "right", "rows", ""], rows)


def _bar(share: float, width: int = 20) -> str:
    return "█" * math.floor(share * width + 0.5)


def _mistakes(evaluation: Evaluation) -> str:
    columns = ["row", "true", "predicted", "how sure" if evaluation.calibration else "how far off"]
    rows = [[one.id, _short(one.label), _short(one.prediction), f"{one.weight:.3g}"] for one in evaluation.mistakes]
    if any(one.text is not None for one in evaluation.mistakes):
        columns.append("text")
        rows = [[*row, _short(one.text)] for row, one in zip(rows, evaluation.mistakes, strict=True)]
    return table_text("The worst mistakes", columns, rows)


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
