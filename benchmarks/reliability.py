"""What a run loses when it is killed, and what is left of a file whose writer is: nothing, and all of it.

    python -m benchmarks.reliability

Runs of several kinds are killed (SIGKILL) at random moments, started again by the same command until they are
through, and compared bit by bit with runs that nobody disturbed. Then whoever writes checkpoints, summaries and stores
is killed while writing. A run is a fork of this process, which has loaded torch: it starts in a second.
"""

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sweepformer.loading import load_run

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
# What depends on the clock, on where a run is, or on how many processes have logged.
OF_THE_CLOCK = ("tokens_per_second", "padding_share", "mfu")


def main() -> None:
    from benchmarks.record import record

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="at least so many runs that are killed")
    parser.add_argument("--kills", type=int, default=100, help="at least so many kills of runs")
    parser.add_argument("--writes", type=int, default=200, help="kills of writers")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmark-reliability"))
    options = parser.parse_args()
    work = options.work.absolute()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    write_elsewhere(work)
    load_run()
    chance = random.Random(options.seed)
    began = time.monotonic()
    runs = killed_runs(work, options.runs, options.kills, chance)
    writes = killed_writes(work, options.writes, chance)
    result = {"killed_runs": runs, "killed_writes": writes, "minutes": round((time.monotonic() - began) / 60, 1)}
    print(json.dumps(result, indent=1))
    print("written:", record("reliability", result))
    if runs["differences"] or runs["needed_a_hand"] or any(one["torn"] or one["lost"] for one in writes.values()):
        sys.exit("something was lost")


def write_elsewhere(work: Path) -> None:
    """Have temporary files on another file system, where there is one: renaming from there would be no renaming."""
    other = Path("/dev/shm")
    if other.is_dir() and os.stat(other).st_dev != os.stat(work).st_dev:
        os.environ["TMPDIR"] = str(other)
        tempfile.tempdir = None


def killed_runs(work: Path, at_least: int, kills: int, chance: random.Random) -> dict[str, Any]:
    """Kill runs again and again until they are through, six times at most."""
    rows = write_rows(work / "rows.csv")
    found: dict[str, Any] = {"runs": 0, "kills": 0, "differences": {}, "needed_a_hand": []}
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
            found["needed_a_hand"].append(f"{killed.name}: exit code {code}")
        elif different := differences(whole, killed):
            found["differences"][killed.name] = different
        found["runs"] += 1
        print({**found, "last": " ".join((*kind, *arithmetic))}, flush=True)
    raise AssertionError("a cycle has no end")


def start(arguments: tuple[str, ...], directory: Path) -> int:
    """Run a command in a fork of this process, its screen in `DIRECTORY.screen`; returns the process's id."""
    return fork(lambda: _run([*arguments, f"hydra.run.dir={directory}"]), directory.with_suffix(".screen"))


def fork(work: Callable[[], int], screen: Path) -> int:
    """Do some work in a fork of this process that exits with the code that it returns."""
    process = os.fork()
    if process == 0:
        code = 70
        try:
            sys.stdout = sys.stderr = screen.open("a", buffering=1)
            os.dup2(sys.stdout.fileno(), 1)
            os.dup2(sys.stdout.fileno(), 2)
            code = work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return process


def _run(arguments: list[str]) -> int:
    from hydra.core.global_hydra import GlobalHydra

    from src.run import main as run

    GlobalHydra.instance().clear()
    sys.argv = ["src/run.py", *arguments]
    try:
        run()
    except SystemExit as stop:
        if isinstance(stop.code, str):
            print(stop.code)
            return 1
        return stop.code or 0
    return 0


def wait(process: int) -> int:
    """The exit code of a process that ends by itself."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def kill_after(process: int, seconds: float) -> bool:
    """Kill a process unless it ends before."""
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    return wait(process) == -signal.SIGKILL


def differences(one: Path, other: Path) -> list[str]:
    """What two runs of one command have not in common, of what they should: a line each."""
    from sweepformer.training.checkpoints import read_checkpoint

    found = []
    checkpoints = [sorted(path.name for path in (run / "checkpoints").iterdir()) for run in (one, other)]
    if checkpoints[0] != checkpoints[1]:
        return [f"checkpoints: {checkpoints}"]
    for name in checkpoints[0]:
        contents = [_comparable(read_checkpoint(run / "checkpoints" / name)) for run in (one, other)]
        found += list(_unequal(*contents, name))
    summaries = [json.loads((run / "summary.json").read_text(encoding="utf-8")) for run in (one, other)]
    for key in ("status", "metrics", "best_checkpoint", "epochs", "steps", "parameters", "config_hash"):
        found += list(_unequal(summaries[0][key], summaries[1][key], f"summary.{key}"))
    if (one / "predictions.parquet").read_bytes() != (other / "predictions.parquet").read_bytes():
        found.append("predictions.parquet")
    return found + list(_unequal(scalars(one), scalars(other), "tensorboard"))


def _comparable(checkpoint: dict[str, Any]) -> dict[str, Any]:
    callbacks = {
        name: state for name, state in checkpoint["callbacks"].items() if name not in ("Throughput", "LogFiles")
    }
    return {**checkpoint, "callbacks": callbacks}


def _unequal(one: Any, other: Any, name: str) -> Iterator[str]:
    import torch

    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from _unequal(one[key], other[key], f"{name}.{key}")
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        for number, (first, second) in enumerate(zip(one, other, strict=True)):
            yield from _unequal(first, second, f"{name}[{number}]")
    elif isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        if not torch.equal(one, other):
            yield f"{name}: tensors differ"
    elif one != other and not (one != one and other != other):  # two that are no numbers are alike
        yield f"{name}: {str(one)[:200]} != {str(other)[:200]}"


def scalars(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Every scalar in a run's event files, duplicates included, by its name: steps and values."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found: dict[str, list[tuple[int, float]]] = {}
    for file in (run / "tensorboard").glob("events.*"):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars" and value.tag not in OF_THE_CLOCK:
                    found.setdefault(value.tag, []).append((event.step, value.tensor.float_val[0]))
    return {name: sorted(values) for name, values in sorted(found.items())}


def killed_writes(work: Path, kills: int, chance: random.Random) -> dict[str, Any]:
    """Kill those who write checkpoints, summaries and stores, a third each."""
    found = {}
    for kind in (Written("checkpoint"), Written("summary"), Written("store")):
        folder = work / f"written-{kind.what}"
        folder.mkdir()
        found[kind.what] = kind.kill(folder, -(-kills // 3), chance)
        print(kind.what, found[kind.what], flush=True)
    return found


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
        from sweepformer.whole_files import remove_unfinished

        remove_unfinished([folder])
        for one in itertools.count(number + 1):
            self._write(folder, one)
            os.write(tell, one.to_bytes(4, "little"))
        return 1

    def _write(self, folder: Path, number: int) -> None:
        import torch

        from sweepformer.run_directory import RunDirectory, Summary
        from sweepformer.training.checkpoints import write_checkpoint

        if self.what == "checkpoint":
            write_checkpoint(folder / "last.ckpt", {"numbers": torch.full((300_000,), number)})
        elif self.what == "summary":
            RunDirectory(folder).write_summary(Summary(status="completed", steps=number, overrides=["word"] * 1000))
        else:
            self._prepare(folder, number)

    def _read(self, folder: Path, number: int) -> int | None:
        """The number in what is there; None if it isn't whole."""
        from sweepformer.data.store import Store
        from sweepformer.run_directory import RunDirectory
        from sweepformer.training.checkpoints import read_checkpoint

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


def write_rows(path: Path, rows: int = 150) -> Path:
    """A CSV that a small model learns something of, but not all."""
    chance = random.Random(0)
    things = ["apple", "house", "river", "train", "cloud", "stone", "candle", "garden", "letter", "window"]
    lines = ["text,label"]
    for number in range(rows):
        words = [chance.choice(things) for _ in range(chance.randint(3, 12))]
        label = ("red", "green", "blue")[number % 3] if number % 5 else chance.choice(("red", "green", "blue"))
        lines.append(f"{' '.join(words)} {label} {number},{('red', 'green', 'blue')[number % 3]}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
