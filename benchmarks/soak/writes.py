"""Whoever writes checkpoints, summaries and stores, killed while writing."""

import itertools
import os
import random
from pathlib import Path
from typing import Any

from benchmarks.soak.processes import fork, kill_after
from benchmarks.soak.rows import write_rows


def killed_writes(work: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kill those who write checkpoints, summaries and stores, a third each."""
    chance = random.Random(seed)
    write_rows(work / "rows.csv")
    kinds = {}
    for kind in (Written("checkpoint"), Written("summary"), Written("store")):
        folder = work / f"written-{kind.what}"
        folder.mkdir()
        kinds[kind.what] = kind.kill(folder, -(-kills // 3), chance)
        print(kind.what, kinds[kind.what], flush=True)
    wrong = [f"{what}: {one}" for what, one in kinds.items() if one["torn"] or one["lost"]]
    return {"kinds": kinds, "wrong": wrong}


class Written:
    """One kind of file, written over and over with a growing number in it.

    Args:
        what: checkpoint, summary or store.
    """

    def __init__(self, what: str) -> None:
        self.what = what

    def kill(self, folder: Path, kills: int, chance: random.Random) -> dict[str, int]:
        """Kill writers; torn: files that were accepted and are not what was written, or left a number out;
        lost: numbers that were written, and gone after the kill; unfinished: files left half-written by a kill."""
        found = {"kills": 0, "written": 0, "torn": 0, "lost": 0, "unfinished": 0}
        for _ in range(kills):
            told, tell = os.pipe()
            number = found["written"]
            process = fork(lambda n=number, to=tell: self._write_for_ever(folder, n, to), folder.with_suffix(".screen"))
            os.close(tell)
            with os.fdopen(told, "rb", buffering=0) as acknowledged:
                first = acknowledged.read(4)  # it is at work
                if not first:
                    raise RuntimeError(f"the writer of {self.what} failed: {folder.with_suffix('.screen')}")
                found["kills"] += kill_after(process, chance.uniform(0, 0.05))
                last = (first + acknowledged.read(1 << 20))[-4:]
            found["written"] = int.from_bytes(last, "little")
            found["unfinished"] += sum(1 for _ in folder.glob(".*-*"))
            there = self._read(folder, found["written"])
            found["torn"] += there is None
            found["lost"] += there is not None and there < found["written"]
        return found

    def _write_for_ever(self, folder: Path, number: int, tell: int) -> int:
        from sweepformer.files.atomic import remove_unfinished

        remove_unfinished([folder])
        for one in itertools.count(number + 1):
            self._write(folder, one)
            os.write(tell, one.to_bytes(4, "little"))
        return 1

    def _write(self, folder: Path, number: int) -> None:
        import torch

        from sweepformer.files.checkpoints import write_checkpoint
        from sweepformer.runs.directory import RunDirectory, Summary

        if self.what == "checkpoint":
            write_checkpoint(folder / "last.ckpt", {"numbers": torch.full((300_000,), number)})
        elif self.what == "summary":
            RunDirectory(folder).write_summary(Summary(status="completed", steps=number, overrides=["word"] * 1000))
        else:
            self._prepare(folder, number)

    def _read(self, folder: Path, number: int) -> int | None:
        """The number in what is there; None if it isn't whole."""
        from sweepformer.data.store import Store
        from sweepformer.files.checkpoints import read_checkpoint
        from sweepformer.runs.directory import RunDirectory

        if self.what == "checkpoint":
            numbers = read_checkpoint(folder / "last.ckpt")["numbers"]
            return int(numbers[0]) if bool((numbers == numbers[0]).all()) else None
        if self.what == "summary":
            summary = RunDirectory(folder).read_summary()
            return summary.steps if summary else None
        stores = [path for path in folder.glob("[0-9a-f]*") if path.is_dir()]
        try:
            rows = {sum(len(rows) for rows in Store.open(path).splits.values()) for path in stores}
        except (OSError, ValueError):
            return None
        return len(stores) if rows == {150} else None

    def _prepare(self, folder: Path, number: int) -> None:
        from sweepformer.data.corpus import prepare

        rows = folder.parent / "rows.csv"
        data = {"_target_": "sweepformer.data.sources.files.Files", "train_file": str(rows), "val_file": None}
        data |= {"test_file": None, "text_column": "text", "label_column": "label", "cache_dir": str(folder)}
        tokenizer = {"kind": "word", "vocab_size": 100, "min_frequency": 1, "lowercase": True, "path": None}
        prepare(data, {**tokenizer, "truncation_side": "right"}, seed=number)
