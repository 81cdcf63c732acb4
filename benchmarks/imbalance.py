"""What each option against imbalance and noise does by itself on imbalanced rows, at a usual value, untuned.

    python -m benchmarks.imbalance

2,000 rows of icd10 to learn 21 chapters from, of which the largest has 18 times the rows of the smallest, and 2,500 to
test on. Typed again it goes on: each option is a sweep over seeds.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import pyarrow.parquet

from benchmarks.record import record, run

COMMON = [
    "model=small",
    "data.max_rows=5000",
    "data.test_fraction=0.5",
    "data.batch_size=32",
    "trainer=cpu",
    "trainer.max_epochs=6",
    "logger=none",
]
OPTIONS = {
    "none": [],
    "class_weights": ["task.class_weights=balanced"],
    "sampling": ["data.sampling=balanced"],
    "focal": ["task.focal_gamma=2"],
    "label_smoothing": ["task.label_smoothing=0.1"],
    "word_dropout": ["model.word_dropout=0.1"],
    "r_drop": ["task.r_drop=1"],
    "mixup": ["task.mixup=0.4"],
    "ema": ["callbacks=ema", "callbacks.ema.decay=0.99"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmark-imbalance"), help="where the sweeps go")
    parser.add_argument("--options", nargs="+", choices=list(OPTIONS), default=list(OPTIONS), help="beside none")
    arguments = parser.parse_args()
    seeds = list(range(arguments.seeds))
    chosen = dict.fromkeys(["none", *arguments.options])
    runs = {name: measure(name, seeds, arguments.work.absolute()) for name in chosen}
    result = {
        "common": COMMON,
        "options": {name: {"overrides": OPTIONS[name], **told(runs[name], runs["none"])} for name in chosen},
    }
    print(json.dumps(result, indent=1))
    print("written:", record("imbalance", result))


def measure(option: str, seeds: list[int], work: Path) -> list[dict[str, float]]:
    """Test results in percent and seconds of training, a dict a seed."""
    overrides = ["-m", f"name={option}", *COMMON, *OPTIONS[option], f"seed={','.join(map(str, seeds))}"]
    run(overrides, work)
    found = {}
    for path in (work / "multirun" / option).glob("*/summary.json"):
        summary = json.loads(path.read_text())
        seed = next(int(one.removeprefix("seed=")) for one in summary["overrides"] if one.startswith("seed="))
        found[seed] = {
            "test_acc": 100 * summary["metrics"]["test_acc"],
            "test_f1": 100 * summary["metrics"]["test_f1"],
            "rare_recall": 100 * rare_recall(path.parent / "predictions.parquet"),
            "seconds": summary["seconds"]["training"],
        }
    return [found[seed] for seed in seeds]


def rare_recall(predictions: Path) -> float:
    """Mean recall of the classes that are rarer than the median one."""
    rows = pyarrow.parquet.read_table(predictions).to_pandas()
    recalls = (rows.label == rows.prediction).groupby(rows.label).agg(["mean", "size"])
    return float(recalls[recalls["size"] < recalls["size"].median()]["mean"].mean())


def told(runs: list[dict[str, float]], plain: list[dict[str, float]]) -> dict[str, Any]:
    """Every figure's values by seed and mean, and the mean gain over no option on the same seed with its error."""
    figures: dict[str, Any] = {}
    for key in runs[0]:
        values = [one[key] for one in runs]
        gains = [one[key] - other[key] for one, other in zip(runs, plain, strict=True)]
        error = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else None
        figures[key] = {"values": values, "mean": statistics.mean(values)}
        figures[key] |= {"gain": statistics.mean(gains), "standard_error_of_gain": error}
    return figures


if __name__ == "__main__":
    main()
