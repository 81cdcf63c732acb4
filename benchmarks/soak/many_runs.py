"""Many runs in one process: it holds no more after the last than after the first few."""

import os
from pathlib import Path
from typing import Any

from benchmarks.soak import usage
from benchmarks.soak.processes import run_in_fork
from benchmarks.soak.rows import write_rows

MORE = 1.05  # times the memory of the beginning: what allocators keep
OVERRIDES = (
    "data=files", "model=tiny", "model.embedding_dim=16", "model.dim_feedforward=32", "model.num_layers=1",
    "trainer=cpu", "trainer.max_epochs=1", "data.batch_size=16", "tokenizer.vocab_size=300", "name=many",
    "hydra.launcher.isolate=false", "allowed_packages=[benchmarks]",
    "+callbacks.usage._target_=benchmarks.soak.usage.Usage",
)  # fmt: skip


def run_many(work: Path, runs: int) -> dict[str, Any]:
    """Run a sweep of `runs` runs, all in one process.

    All have the same batches: torch's libraries keep the kernels that they make for each new shape of a product, up to
    some number, and would seem to grow for hundreds of runs.
    """
    temporary, notes = work / "temporary", work / "usage.jsonl"
    temporary.mkdir(parents=True, exist_ok=True)
    given = [f"data.train_file={write_rows(work / 'rows.csv', 90)}", f"+callbacks.usage.file={notes}"]
    command = ["-m", *OVERRIDES, *given, f"trainer.log_every_n_steps=range(1,{runs + 1})"]
    environment = {"SWEEPFORMER_CACHE": str(work / "cache"), "TMPDIR": str(temporary)}
    code = run_in_fork(command, work, environment)
    found = usage.read(notes)
    begins = min(19, len(found) // 3)  # the first runs load what all need
    kept, wrong = found[begins:], []
    if code or len(found) != runs:
        wrong.append(f"{len(found)} of {runs} runs came to their end, exit code {code}: {work}/screen")
    if kept[-1]["memory"] > MORE * kept[0]["memory"]:
        wrong.append(f"memory grows by {usage.growth(kept):,.0f} bytes a run")
    for what in ("threads", "files", "temporary"):
        if kept[-1][what] > kept[0][what]:
            wrong.append(f"{what}: {kept[0][what]} after run {begins + 1}, {kept[-1][what]} at the end")
    if left := os.listdir(temporary):
        wrong.append(f"left in the folder for temporary files: {left}")
    return {
        "runs": len(found),
        "from_run": begins + 1,
        "memory_mb": usage.megabytes(kept),
        "memory_growth_bytes_a_run": round(usage.growth(kept)),
        **{what: [kept[0][what], kept[-1][what]] for what in ("threads", "files", "temporary")},
        "wrong": wrong,
    }
