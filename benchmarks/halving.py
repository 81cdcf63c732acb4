"""What successive halving saves, and what it costs: the same grid whole and halved.

    python -m benchmarks.halving

Typed again it goes on: both arms are sweeps.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.record import ROOT, record, run

GRID = ["optimizer.lr=3e-4,1e-3,3e-3", "model.num_layers=1,2", "model.dropout=0.1,0.3", "model.pooling=mean,max"]
COMMON = [
    "model=tiny",
    "trainer=cpu",
    "trainer.max_epochs=9",
    "callbacks.early_stopping=null",
    "logger=none",
    "hydra.launcher.n_jobs=2",
]
TREC = ROOT.parent / "shared" / "data" / "trec6"  # questions by what they ask for (Li and Roth 2002)
DATA = {
    "icd10": ["data=icd10", "data.max_rows=4000"],
    "trec6": ["data=files", f"data.train_file={TREC}/train.csv", f"data.test_file={TREC}/test.csv"],
    "peptides": ["data=peptides", "tokenizer=char", "data.batch_size=32"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", nargs="+", choices=list(DATA), default=list(DATA))
    parser.add_argument("--name", default="halving", help="of the result file")
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmark-halving"), help="where the sweeps go")
    options = parser.parse_args()
    cases = [compare(data, seed, options.work.absolute()) for data in options.data for seed in range(options.seeds)]
    result = {
        "grid": GRID,
        "common": COMMON,
        "data": {data: [one.replace(f"{ROOT.parent}/", "../") for one in DATA[data]] for data in options.data},
        "cases": cases,
        "mean_share_of_steps": statistics.mean(case["share_of_steps"] for case in cases),
        "mean_points_lost": statistics.mean(case["points_lost"] for case in cases),
        "by_data": {
            data: {
                key: statistics.mean(case[key] for case in cases if case["data"] == data)
                for key in ("share_of_steps", "points_lost")
            }
            for data in options.data
        },
    }
    print(json.dumps(result, indent=1))
    print("written:", record(options.name, result))


def compare(data: str, seed: int, work: Path) -> dict[str, Any]:
    """One grid on one seed, whole and halved: steps trained, and the best val_acc found."""
    arms = {}
    for arm, callbacks in (("whole", "default"), ("halved", "halving")):
        name = f"{data}-{seed}-{arm}"
        run(["-m", f"name={name}", f"seed={seed}", *DATA[data], *COMMON, f"callbacks={callbacks}", *GRID], work)
        summaries = [json.loads(path.read_text()) for path in (work / "multirun" / name).glob("*/summary.json")]
        arms[arm] = {
            "runs": len(summaries),
            "stopped": sum(summary["status"] == "stopped_early_by_sweep" for summary in summaries),
            "steps": sum(summary["steps"] for summary in summaries),
            "best_val_acc": max(summary["metrics"]["val_acc"] for summary in summaries),
        }
    whole, halved = arms["whole"], arms["halved"]
    return {
        "data": data,
        "seed": seed,
        **arms,
        "share_of_steps": halved["steps"] / whole["steps"],
        "points_lost": 100 * (whole["best_val_acc"] - halved["best_val_acc"]),
    }


if __name__ == "__main__":
    main()
