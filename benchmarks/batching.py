"""Whether rows of like length may go together: accuracy beside random batches, over seeds.

    python -m benchmarks.batching

Typed again it goes on: the runs of a data set are one sweep.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.record import record, run

BATCHING = ("tokens", "rows", "random")
COMMON = ["trainer=cpu", "logger=none", "hydra/launcher=joblib"]
DATA = {
    "icd10": ["data=icd10", "data.max_rows=12000", "trainer.max_epochs=6"],
    "peptides": ["data=peptides", "tokenizer=char", "trainer.max_epochs=8"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--data", nargs="+", choices=list(DATA), default=list(DATA))
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmark-batching"), help="where the sweeps go")
    options = parser.parse_args()
    result = {data: compare(data, options.seeds, options.work.absolute()) for data in options.data}
    print(json.dumps(result, indent=1))
    print("written:", record("batching", {"common": COMMON, "data": DATA, "results": result}))


def compare(data: str, seeds: int, work: Path) -> dict[str, Any]:
    """Test accuracy of every seed under each way of batching, and the padding that it takes."""
    name = f"name={data}"
    swept = [f"data.batching={','.join(BATCHING)}", f"seed={','.join(map(str, range(seeds)))}"]
    run(["-m", name, *DATA[data], *COMMON, *swept], work)
    found: dict[str, dict[int, dict[str, Any]]] = {batching: {} for batching in BATCHING}
    for path in (work / "multirun" / data).glob("*/summary.json"):
        summary = json.loads(path.read_text(encoding="utf-8"))
        chosen = dict(override.split("=", 1) for override in summary["overrides"])
        found[chosen["data.batching"]][int(chosen["seed"])] = summary
    result = {}
    for batching, summaries in found.items():
        accuracies = [summaries[seed]["metrics"]["test_acc"] for seed in range(seeds)]
        result[batching] = {
            "test_acc": accuracies,
            "mean": statistics.mean(accuracies),
            "spread": statistics.stdev(accuracies),
            "padding_share": statistics.mean(one["padding_share"] for one in summaries.values()),
        }
    return result


if __name__ == "__main__":
    main()
