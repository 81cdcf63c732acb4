"""What a sweep costs besides its training, and what running several runs at once saves.

    python -m benchmarks.sweep_cost

Twelve runs of `model=small`, one at a time (`basic`) and as many at once as there are CPUs (`joblib`), interleaved.
"""

import argparse
import json
import shutil
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.record import record, run

SWEEP = ["model.num_heads=1,2,4,8", "model.dropout=0.0,0.1,0.2"]
COMMON = ["model=small", "trainer=cpu", "data.max_rows=12000", "trainer.max_epochs=2"]
LAUNCHERS = ("basic", "joblib")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmark-sweep-cost"))
    options = parser.parse_args()
    work = options.work.absolute()
    shutil.rmtree(work, ignore_errors=True)
    run([*COMMON, "debug=fast", "name=warm_up"], work)  # tokenises, once for all
    measured = [measure(work, launcher, repeat) for repeat in range(options.repeats) for launcher in LAUNCHERS]
    seconds = {
        launcher: statistics.median(one["seconds"] for one in measured if one["launcher"] == launcher)
        for launcher in LAUNCHERS
    }
    overhead = statistics.median(one["overhead_per_run"] for one in measured if one["launcher"] == "basic")
    result = {
        "sweep": SWEEP,
        "common": COMMON,
        "measured": measured,
        "median_seconds": seconds,
        "joblib_over_basic": seconds["joblib"] / seconds["basic"],
        "basic_overhead_seconds_per_run": overhead,
    }
    print(json.dumps(result, indent=1))
    print("written:", record("sweep_cost", result))


def measure(work: Path, launcher: str, repeat: int) -> dict[str, Any]:
    """One sweep: its wall time, and how much of it was neither training nor evaluation."""
    name = f"{launcher}-{repeat}"
    started = time.perf_counter()
    run(["-m", f"name={name}", f"hydra/launcher={launcher}", *COMMON, *SWEEP], work)
    seconds = time.perf_counter() - started
    summaries = [json.loads(path.read_text()) for path in (work / "multirun" / name).glob("*/summary.json")]
    busy = sum(summary["seconds"]["training"] + summary["seconds"]["test"] for summary in summaries)
    return {
        "launcher": launcher,
        "runs": len(summaries),
        "seconds": seconds,
        "training_and_test_seconds": busy,
        "overhead_per_run": (seconds - busy) / len(summaries),
    }


if __name__ == "__main__":
    main()
