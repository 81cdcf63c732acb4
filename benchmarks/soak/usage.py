"""What a process holds, noted from time to time while it trains."""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pytorch_lightning as pl


class Usage(pl.Callback):
    """Appends to a file, as JSON lines, what this process holds.

    Args:
        file: where to.
        every_n_steps: optimizer steps between notes; 0: one when a run has been tested.
    """

    def __init__(self, file: str, every_n_steps: int = 0) -> None:
        self.file, self.every_n_steps = file, every_n_steps

    def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
        if self.every_n_steps and trainer.global_step % self.every_n_steps == 0:
            note(self.file, trainer.global_step)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not self.every_n_steps:
            note(self.file, trainer.global_step)


def note(file: str, step: int) -> None:
    """memory: resident bytes; threads, files: how many, open ones; temporary: entries of the folder for such."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    usage = {
        "step": step,
        "memory": pages * os.sysconf("SC_PAGE_SIZE"),
        "threads": len(os.listdir("/proc/self/task")),
        "files": len(os.listdir("/proc/self/fd")),
        "temporary": len(os.listdir(tempfile.gettempdir())),
    }
    with open(file, "a", encoding="utf-8") as notes:
        notes.write(json.dumps(usage) + "\n")


def read(file: Path) -> list[dict[str, int]]:
    """All notes."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def megabytes(notes: list[dict[str, int]]) -> list[int]:
    """Memory at the first note and at the last."""
    return [round(one["memory"] / 1e6) for one in (notes[0], notes[-1])]


def growth(notes: list[dict[str, int]]) -> float:
    """Bytes of memory that a note has more than the one before it, by the line that fits all of them best."""
    memory = [one["memory"] for one in notes]
    return float(np.polyfit(range(len(memory)), memory, 1)[0]) if len(memory) > 1 else 0.0
