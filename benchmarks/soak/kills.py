"""Runs of several kinds, killed at random moments and started again by the same command until they are through."""

import itertools
import random
import time
from pathlib import Path
from typing import Any

from benchmarks.soak.comparison import differences
from benchmarks.soak.processes import kill_after, start, wait
from benchmarks.soak.rows import write_rows

TINY = (
    "data=files", "model=tiny", "model.embedding_dim=32", "model.dim_feedforward=64", "model.num_layers=1",
    "trainer=cpu", "trainer.max_epochs=10", "trainer.log_every_n_steps=2", "callbacks.progress_bar=null",
    "data.batch_size=4", "data.eval_batch_size=4", "tokenizer.vocab_size=300",
)  # fmt: skip
KINDS = (
    (),
    ("callbacks.checkpoint.every_n_train_steps=3",),
    ("callbacks.checkpoint.every_n_train_steps=2", "trainer.val_check_interval=0.3"),
    ("callbacks.checkpoint.every_n_minutes=0.002", "scheduler=plateau", "scheduler.patience=0"),
    ("callbacks.checkpoint.every_n_minutes=0.001", "callbacks.early_stopping.patience=1", "optimizer.lr=0.02"),
)
ARITHMETIC = tuple(itertools.product(("32-true", "bf16-mixed"), (1, 4)))


def killed_runs(work: Path, at_least: int, kills: int, seed: int) -> dict[str, Any]:
    """Kill runs again and again until they are through, six times at most."""
    rows, chance = write_rows(work / "rows.csv"), random.Random(seed)
    found: dict[str, Any] = {"runs": 0, "kills": 0, "wrong": []}
    for number, (kind, (precision, batches)) in enumerate(itertools.cycle(itertools.product(KINDS, ARITHMETIC))):
        if found["runs"] >= at_least and found["kills"] >= kills:
            return found
        arithmetic = (f"trainer.precision={precision}", f"trainer.accumulate_grad_batches={batches}")
        command = (*TINY, *kind, *arithmetic, f"data.train_file={rows}", f"seed={number}")
        whole, killed = work / f"{number}-whole", work / f"{number}-killed"
        began = time.monotonic()
        if code := wait(start(command, whole)):
            raise RuntimeError(f"{whole} ended with exit code {code} although nobody disturbed it")
        seconds = time.monotonic() - began
        for _ in range(6):
            if not kill_after(start(command, killed), chance.uniform(0.2, 0.8) * seconds):
                break
            found["kills"] += 1
        if code := wait(start(command, killed)):
            found["wrong"].append(f"{killed.name} needed a hand: exit code {code}")
        elif different := differences(whole, killed):
            found["wrong"].append(f"{killed.name} differs: {'; '.join(different)}")
        found["runs"] += 1
        print({**found, "last": " ".join((*kind, *arithmetic))}, flush=True)
    raise AssertionError("a cycle has no end")
