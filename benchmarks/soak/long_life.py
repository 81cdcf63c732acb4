"""One run of very many steps: its memory stays what it was, and what it logs keeps to its bounds."""

import random
import time
from pathlib import Path
from typing import Any

from benchmarks.soak import usage
from benchmarks.soak.processes import run_in_fork

EPOCHS = 5
MORE = 1.05  # times the memory of the beginning
MOST_EVENT_BYTES = 20  # an optimizer step, at the default of a record every 50
OVERRIDES = (
    "data=files", "model=tiny", "model.embedding_dim=8", "model.dim_feedforward=8", "model.num_layers=1",
    "trainer=cpu", "data.batch_size=2", "data.batching=rows", "tokenizer=word", "tokenizer.vocab_size=100",
    "callbacks.early_stopping=null", "allowed_packages=[benchmarks]",
    "+callbacks.usage._target_=benchmarks.soak.usage.Usage",
)  # fmt: skip


def train_long(work: Path, steps: int) -> dict[str, Any]:
    """Train `steps` optimizer steps of a tiny model on two rows each, in a few epochs, all else at its defaults."""
    notes, every = work / "usage.jsonl", max(steps // 50, 1)
    rows = _write_rows(work / "rows.csv", rows=round(2 * steps / EPOCHS / 0.8 * 1.01))
    command = [*OVERRIDES, f"data.train_file={rows}", f"trainer.max_steps={steps}", f"trainer.max_epochs={EPOCHS + 1}"]
    command += [f"+callbacks.usage.file={notes}", f"+callbacks.usage.every_n_steps={every}"]
    began = time.monotonic()
    code = run_in_fork([*command, f"hydra.run.dir={work}/run"], work, {"SWEEPFORMER_CACHE": str(work / "cache")})
    seconds, found = time.monotonic() - began, usage.read(notes)
    kept, wrong = found[4:], []  # from a tenth on
    events = sum(file.stat().st_size for file in (work / "run" / "tensorboard").glob("events.*"))
    if code or found[-1]["step"] != steps:
        wrong.append(f"it ended at step {found[-1]['step']} of {steps}, exit code {code}: {work}/screen")
    if kept[-1]["memory"] > MORE * kept[0]["memory"]:
        wrong.append(f"memory grows by {usage.growth(kept) / every:.1f} bytes a step")
    if events > MOST_EVENT_BYTES * steps + 1_000_000:
        wrong.append(f"event files hold {events:,} bytes")
    for what in ("threads", "files"):
        if kept[-1][what] > kept[0][what]:
            wrong.append(f"{what}: {kept[0][what]} at step {kept[0]['step']}, {kept[-1][what]} at the end")
    return {
        "steps": found[-1]["step"],
        "from_step": kept[0]["step"],
        "memory_mb": usage.megabytes(kept),
        "memory_growth_bytes_a_step": round(usage.growth(kept) / every, 2),
        "event_bytes": events,
        "event_bytes_a_step": round(events / steps, 2),
        "steps_a_second": round(steps / seconds, 1),
        "wrong": wrong,
    }


def _write_rows(path: Path, rows: int) -> Path:
    """A CSV of as many different rows of a few words."""
    chance = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("text,label\n")
        for number in range(rows):
            words = " ".join(f"w{chance.randrange(60)}" for _ in range(chance.randint(1, 3)))
            file.write(f"{words} n{number},{number % 3}\n")
    return path
