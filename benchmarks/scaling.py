"""How cost grows: with rows, length, width and processes.

    python -m benchmarks.scaling [--parts rows length width processes]
    python -m benchmarks.scaling --docs       writes the recorded tables into the docs

Every figure is of a run through the real entry, on generated rows; medians of interleaved repeats but for the millions
of rows, which are read once.
"""

import argparse
import json
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.record import RESULTS, record, run
from benchmarks.tables import markdown, write_table
from benchmarks.workloads import Workload, write_files

STEPS = 12
ROWS = (10_000, 100_000, 1_000_000, 5_000_000)
LENGTHS = (32, 128, 512, 2048)
TOKENS_A_BATCH = 4096
SIZES = ("tiny", "small", "base", "large")
PROCESSES = (1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--most-rows", type=int, default=ROWS[-1])
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmark-scaling"))
    parser.add_argument("--docs", action="store_true", help="measure nothing, write what is recorded into the docs")
    options = parser.parse_args()
    if options.docs:
        write_table("scaling", recorded_tables())
        return
    work = options.work.absolute()
    shutil.rmtree(work, ignore_errors=True)
    for part in options.parts:
        result = PARTS[part](work, options)
        print(json.dumps(result, indent=1))
        print("written:", record(f"scaling_{part}", {part: result}))
    shutil.rmtree(work)


def rows(work: Path, options: Any) -> list[dict[str, Any]]:
    """Reading and tokenising a CSV, starting again once that is done, and the most memory that either took."""
    found = []
    for count in (count for count in ROWS if count <= options.most_rows):
        data = write_files(Workload(median=10, sigma=0.4, max_length=60, rows=count), work / f"rows-{count}")
        size = sum(path.stat().st_size for path in data.iterdir())
        arguments = ["model=tiny", *on(data), f"trainer.max_steps={STEPS}"]
        first, second = (train(work, arguments, f"{count}-{which}") for which in ("first", "second"))
        found.append(
            {
                "rows": count,
                "csv_megabytes": size / 1e6,
                "first_start_seconds": first["seconds"]["start_up"],
                "second_start_seconds": second["seconds"]["start_up"],
                "peak_memory_megabytes": max(one["peak_memory_bytes"] for one in (first, second)) / 1e6,
            }
        )
        shutil.rmtree(data)
        print(found[-1], flush=True)
    return found


def length(work: Path, options: Any) -> list[dict[str, Any]]:
    """Tokens a second at equal tokens a batch, `small`."""

    def arguments(length: int) -> list[str]:
        count = max(2000, 400 * TOKENS_A_BATCH // length // 8)
        data = write_files(Workload(median=length, sigma=0.1, max_length=length, rows=count), work / f"length-{length}")
        batches = [f"data.{size}={TOKENS_A_BATCH // length}" for size in ("batch_size", "eval_batch_size")]
        return ["model=small", f"model.max_length={length}", *on(data), *batches]

    return interleaved("length", LENGTHS, arguments, work, options.repeats)


def width(work: Path, options: Any) -> list[dict[str, Any]]:
    """Tokens a second of every preset, on short texts."""
    data = write_files(Workload(median=48, sigma=0.28, max_length=256, rows=4000), work / "width")
    return interleaved("model", SIZES, lambda size: [f"model={size}", *on(data)], work, options.repeats)


def processes(work: Path, options: Any) -> list[dict[str, Any]]:
    """Tokens a second of one process with all threads, and of several that share the CPUs, `small`."""
    data = write_files(Workload(median=48, sigma=0.28, max_length=256, rows=8000), work / "processes")

    def arguments(count: int) -> list[str]:
        return ["model=small", *on(data), f"trainer.devices={count}", *(["trainer.strategy=ddp_fork"] * (count > 1))]

    return interleaved("processes", PROCESSES, arguments, work, options.repeats)


PARTS: dict[str, Callable[[Path, Any], list[dict[str, Any]]]] = {
    "rows": rows,
    "length": length,
    "width": width,
    "processes": processes,
}


def recorded_tables() -> str:
    """One table a part that is recorded."""
    tables = []
    for part in PARTS:
        path = RESULTS / f"scaling_{part}.json"
        if path.exists():
            measured = json.loads(path.read_text(encoding="utf-8"))[part]
            shown = [key for key in measured[0] if key != "all"]
            head = [key.replace("_", " ") for key in shown]
            tables.append(markdown(head, [[_number(one[key]) for key in shown] for one in measured]))
    return "\n\n".join(tables)


def _number(value: Any) -> str:
    """Three digits that count, and all of a whole number."""
    if isinstance(value, str):
        return value
    return f"{value:,.3g}" if isinstance(value, float) and value < 100 else f"{value:,.0f}"


def on(data: Path) -> list[str]:
    """Overrides for a folder of generated files."""
    files = [f"data.train_file={data}/train.csv", f"data.test_file={data}/test.csv"]
    return ["data=files", *files, "tokenizer=word", "tokenizer.vocab_size=10000"]


def interleaved(
    key: str, values: Any, arguments: Callable[[Any], list[str]], work: Path, repeats: int
) -> list[dict[str, Any]]:
    """Medians of runs of `STEPS` steps, one value after the other, and again."""
    given = {value: [*arguments(value), f"trainer.max_steps={STEPS}"] for value in values}
    runs: dict[Any, list[dict[str, Any]]] = {value: [] for value in values}
    for _ in range(repeats):
        for value in values:
            runs[value].append(train(work, given[value], f"{key}-{time.time_ns()}"))
            print(key, value, runs[value][-1]["tokens_per_second"], flush=True)
    return [
        {
            key: value,
            "tokens_per_second": statistics.median(one["tokens_per_second"] for one in some),
            "all": [one["tokens_per_second"] for one in some],
            "parameters": some[0]["parameters"],
            "peak_memory_megabytes": max(one["peak_memory_bytes"] for one in some) / 1e6,
        }
        for value, some in runs.items()
    ]


def train(work: Path, arguments: list[str], name: str) -> dict[str, Any]:
    """The summary of one run."""
    limits = ["trainer=cpu", "trainer.limit_val_batches=2", "trainer.limit_test_batches=2", "logger=none"]
    run([*limits, *arguments, f"hydra.run.dir={name}"], work, SWEEPFORMER_CACHE=str(work / "cache"))
    return json.loads((work / name / "summary.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
