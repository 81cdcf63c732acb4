"""An evaluation on disk."""

import json
from pathlib import Path
from typing import Any

from sweepformer.delimited import delimited
from sweepformer.evaluation.evaluation import Evaluation
from sweepformer.evaluation.pictures import confusion_picture, reliability_picture
from sweepformer.whole_files import write_text


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
