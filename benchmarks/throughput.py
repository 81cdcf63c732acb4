"""Real tokens a second in training, beside every peer.

    python -m benchmarks.throughput [--quick]
    python -m benchmarks.throughput --gpu       16 bit on a GPU, packed and compiled too
    python -m benchmarks.throughput --docs    writes the recorded table into the docs

The same rows, layers, width, heads and optimizer for all, dropout 0.1, optimizer steps included, evaluation left out.
Every measurement is a process of its own; repeats are interleaved over the systems, and medians are told. What each
system is stands in `benchmarks/peers.py`; sweepformer is started as its users start it. First steps don't count.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from collections import defaultdict
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from benchmarks.peers import SYSTEMS, Case
from benchmarks.record import RESULTS, ROOT, record, run
from benchmarks.tables import markdown, write_table
from benchmarks.workloads import WORKLOADS, write_files

OURS = "sweepformer"
VARIANTS = {
    OURS: [],
    "packed": ["model.attention=varlen"],
    "packed_compiled": ["model.attention=varlen", "trainer.compile=true"],
}
ON_A_GPU = ["hf_best", "x_transformers", *VARIANTS]
FIRST_STEP = 3  # seconds that it may take beside those that are measured
FP32_ONLY = ("tutorial", "hf")  # that is what their defaults are


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the base model on short texts alone, twice")
    parser.add_argument("--seconds", type=float, default=4, help="of training, for each measurement")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--gpu", action="store_true", help="base and xlarge in 16 bit, packed and compiled too")
    parser.add_argument("--systems", nargs="+", choices=[*SYSTEMS, *VARIANTS], default=[*SYSTEMS, OURS])
    parser.add_argument("--sizes", nargs="+", default=["base", "large"])
    parser.add_argument("--workloads", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--options", nargs="*", default=[], help="further overrides for sweepformer")
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmark-throughput"))
    parser.add_argument("--name", default="throughput", help="of the result file")
    parser.add_argument("--docs", action="store_true", help="measure nothing, write what is recorded into the docs")
    options = parser.parse_args()
    if options.docs:
        write_table("throughput", recorded_table())
        return
    if options.quick:
        options.sizes, options.workloads, options.repeats = ["base"], ["short"], min(options.repeats, 2)
    if options.gpu:
        options.sizes, options.systems, options.seconds = ["base", "xlarge"], ON_A_GPU, 3
    work = options.work.absolute()
    shutil.rmtree(work, ignore_errors=True)
    for name in options.workloads:
        write_files(WORKLOADS[name], work / name)
    cells = [
        (workload, size, sixteen_bit)
        for workload in options.workloads
        for size in options.sizes
        for sixteen_bit in (False, True)
        if not options.gpu or (sixteen_bit and (workload, size) != ("long", "base"))
    ]
    measured: dict[Any, list[float]] = defaultdict(list)
    for repeat in range(options.repeats):
        for cell in cells:
            case = case_of(*cell, options.seconds)
            measured[*cell, "matrix_product"].append(in_a_process("matrix_product", case)["flops"])
            for system in options.systems:
                if case.sixteen_bit and system in FP32_ONLY:
                    continue
                overrides = [*VARIANTS.get(system, []), *options.options]
                rate = ours(case, cell[1], work, overrides) if system in VARIANTS else peer(system, case)
                measured[*cell, system].append(rate)
                print(f"{repeat + 1}/{options.repeats} {label(*cell)} {system}: {rate:,.0f} tokens/s", flush=True)
    results = [cell_result(cell, measured, options) for cell in cells]
    print(table(results))
    print("written:", record(options.name, {"options": options.options, "cells": results}))


def label(workload: str, size: str, sixteen_bit: bool) -> str:
    return f"{workload} texts, {size}, {'16 bit' if sixteen_bit else 'fp32'}"


def case_of(workload: str, size: str, sixteen_bit: bool, seconds: float) -> Case:
    """The shape that a model preset has."""
    shape = OmegaConf.load(ROOT / "conf" / "model" / f"{size}.yaml")
    return Case(
        workload=workload,
        width=shape.embedding_dim,
        heads=shape.num_heads,
        layers=shape.num_layers,
        feed_forward=shape.dim_feedforward,
        sixteen_bit=sixteen_bit,
        seconds=seconds,
        batch_size=WORKLOADS[workload].batch_sizes[size],
    )


def peer(system: str, case: Case) -> float:
    result = in_a_process(system, case)
    return result["tokens"] / result["seconds"]


def in_a_process(system: str, case: Case) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.peers", system, json.dumps(asdict(case))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{system} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def ours(case: Case, size: str, work: Path, options: list[str]) -> float:
    """`python -m src.run`, with its callbacks and loggers as they are, stopped by the clock."""
    data = work / case.workload
    directory = work / "runs"
    shutil.rmtree(directory / "run", ignore_errors=True)
    seconds = case.seconds + FIRST_STEP
    run(
        [
            *("hydra.run.dir=run", f"model={size}", "model.dropout=0.1", f"model.max_length={case.max_length}"),
            *("data=files", f"data.train_file={data}/train.csv", f"data.test_file={data}/test.csv"),
            *("tokenizer=word", "tokenizer.vocab_size=10000", f"data.batch_size={case.batch_size}"),
            f"trainer.precision={'bf16-mixed' if case.sixteen_bit else '32-true'}",
            f"trainer.max_time={timed(seconds)}",
            *("trainer.limit_val_batches=1", "trainer.limit_test_batches=1"),  # not measured, and slow at large
            "trainer.max_epochs=1000",
            *options,
        ],
        directory,
        SWEEPFORMER_CACHE=str(work / "cache"),
    )
    return json.loads((directory / "run" / "summary.json").read_text())["tokens_per_second"]


def timed(seconds: float) -> str:
    """As Lightning writes durations: DD:HH:MM:SS."""
    whole = timedelta(seconds=round(seconds)).seconds
    return f"00:{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def flops_a_token(case: Case) -> float:
    """Of training: matrix products forward and backward, attention by the rows' real lengths."""
    lengths = [len(row) for row in WORKLOADS[case.workload].training_rows()[0]]
    mean_square = sum(length**2 for length in lengths) / sum(lengths)
    weights = case.layers * (4 * case.width**2 + 2 * case.width * case.feed_forward)
    return 6 * weights + 12 * case.layers * case.width * mean_square


def cell_result(cell: tuple[str, str, bool], measured: dict[Any, list[float]], options: Any) -> dict[str, Any]:
    """Medians, and what ours is to each of the others."""
    case = case_of(*cell, options.seconds)
    peak = statistics.median(measured[*cell, "matrix_product"])
    rates = {
        system: statistics.median(measured[*cell, system]) for system in options.systems if (*cell, system) in measured
    }
    return {
        "case": label(*cell),
        **asdict(case),
        "tokens_per_second": rates,
        "all": {system: measured[*cell, system] for system in rates},
        "times_as_fast_as": {name: rates[OURS] / rate for name, rate in rates.items() if OURS in rates},
        "matrix_product_flops": peak,
        "share_of_matrix_product": {name: rate * flops_a_token(case) / peak for name, rate in rates.items()},
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }


def recorded_table() -> str:
    """Tokens a second of every recorded cell, and in brackets how many times as fast ours is."""
    recorded = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("throughput*.json"))]
    return table([cell for one in recorded for cell in one["cells"]])


def table(results: list[dict[str, Any]]) -> str:
    systems = list(dict.fromkeys(name for result in results for name in result["tokens_per_second"]))
    rows = []
    for result in results:
        rates, factors = result["tokens_per_second"], result["times_as_fast_as"]
        cells = [
            "" if name not in rates else f"{rates[name]:,.0f}" + (f" ({factors[name]:.1f}x)" if name != OURS else "")
            for name in systems
        ]
        rows.append([result["case"], *cells, f"{result['share_of_matrix_product'].get(OURS, 0):.0%}"])
    return markdown(["", *systems, "of the matrix product"], rows)


if __name__ == "__main__":
    main()
