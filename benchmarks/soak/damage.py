"""Runs that go on from damaged files: each ends as if nothing had happened, or in one clear message."""

import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.soak.comparison import differences
from benchmarks.soak.override_trials import tell
from benchmarks.soak.processes import Command, Ending, run_all, run_one, tidy
from benchmarks.soak.rows import write_rows
from benchmarks.soak.verdicts import complaint, kind_of_message
from sweepformer.runs.directory import RunDirectory

OVERRIDES = (
    "data=files", "model=tiny", "model.embedding_dim=16", "model.dim_feedforward=16", "model.num_layers=1",
    "trainer=cpu", "trainer.max_epochs=3", "trainer.log_every_n_steps=2", "data.batch_size=8",
    "tokenizer.vocab_size=200", "callbacks.checkpoint.every_n_train_steps=2", "callbacks.progress_bar=null",
    "allowed_packages=[benchmarks]", "+callbacks.stop._target_=benchmarks.soak.stop_at.KillAtStep",
)  # fmt: skip
STOP = "16"  # of 21 steps


def try_damage(work: Path, count: int, seed: int = 0, first: int = 0, at_once: int = 1) -> dict[str, Any]:
    """Kill a run, damage files of it and of its data's store, and let it go on; `count` times."""
    command = [*OVERRIDES, f"data.train_file={write_rows(work / 'rows.csv', 72)}"]
    whole, killed, other = (work / name for name in ("whole", "killed", "other"))
    _expect(run_one(Command(command, whole, _cache(whole))), 0)
    _expect(run_one(Command(command, killed, {**_cache(killed), "STOP": STOP})), -signal.SIGKILL)
    _expect(run_one(Command([*command, "seed=1"], other, {**_cache(other), "STOP": STOP})), -signal.SIGKILL)

    def commands() -> Iterator[Command]:
        for number in range(first, first + count):
            folder = work / str(number)
            shutil.copytree(killed, folder)
            done = damage(folder, other, random.Random(f"{seed} damage {number}"))
            yield Command(command, folder, _cache(folder), about=done)

    trained, messages, wrong = 0, Counter[str](), []
    for command_of_one, ending in run_all(commands(), at_once):
        what = complaint(command_of_one, ending, goes_on=True)
        if ending.code == 0 and not what:
            trained += 1
            what = "; ".join(_differences(whole / "run", command_of_one))
        if what:
            wrong.append(f"{command_of_one.folder.name}: {what} ({', '.join(command_of_one.about)})")
            tell(command_of_one, ending, wrong[-1])
            continue
        if ending.code:
            messages[kind_of_message(ending.message)] += 1
        tidy(command_of_one)
    refused = {"refused": sum(messages.values()), "messages": dict(messages)}
    return {"tried": count, "trained": trained, **refused, "wrong": wrong}


def _differences(whole: Path, command: Command) -> list[str]:
    """To a run that nobody disturbed; but for what was damaged and nobody has reason to look at."""
    damaged = {Path(one.partition(": ")[0]).name for one in command.about}
    summary = RunDirectory(command.directory).read_summary()
    in_use = {"last.ckpt", Path(summary.best_checkpoint or "").name} if summary else set()
    return differences(whole, command.directory, not any("events" in name for name in damaged), damaged - in_use)


def damage(folder: Path, other: Path, chance: random.Random) -> tuple[str, ...]:
    """Damage one to three files, checkpoints above all; says which and how."""
    run, cache = folder / "run", folder / "cache"
    checkpoints = sorted((run / "checkpoints").glob("*.ckpt"))
    of_run = sorted(path for path in run.rglob("*") if path.is_file())
    of_store = sorted(path for path in cache.rglob("*") if path.is_file())
    done = []
    for _ in range(chance.choice((1, 1, 2, 3))):
        path = chance.choice(chance.choice((checkpoints, [checkpoints[0]], of_run, of_store)))
        way = chance.choice(list(WAYS))
        if path.is_file():
            WAYS[way](path, other / path.relative_to(folder), chance)
            done.append(f"{path.relative_to(folder)}: {way}")
    return tuple(done)


def _rewrite(change: Callable[[bytes, random.Random], bytes]) -> Callable[[Path, Path, random.Random], Any]:
    return lambda path, other, chance: path.write_bytes(change(path.read_bytes(), chance))


def _flip(content: bytes, chance: random.Random, times: int = 1) -> bytes:
    changed = bytearray(content)
    for _ in range(times if content else 0):
        bit = chance.randrange(8 * len(changed))
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _take(path: Path, other: Path, chance: random.Random) -> None:
    """The same file of another run, or any of that kind; nothing happens where there is none."""
    found = [other] if other.is_file() else sorted(other.parents[1].rglob(f"*{path.suffix}"))
    if found:
        path.write_bytes(chance.choice(found).read_bytes())


def _to_folder(path: Path, other: Path, chance: random.Random) -> None:
    path.unlink()
    path.mkdir()


WAYS: dict[str, Callable[[Path, Path, random.Random], Any]] = {
    "a bit flipped": _rewrite(_flip),
    "many bits flipped": _rewrite(lambda content, chance: _flip(content, chance, 50)),
    "cut": _rewrite(lambda content, chance: content[: chance.randint(0, max(len(content) - 1, 0))]),
    "empty": _rewrite(lambda content, chance: b""),
    "zeros at the end": _rewrite(lambda content, chance: content[: -len(content) // 3] + bytes(len(content) // 3)),
    "all zeros": _rewrite(lambda content, chance: bytes(len(content))),
    "junk": _rewrite(lambda content, chance: chance.randbytes(len(content))),
    "something behind": _rewrite(lambda content, chance: content + chance.randbytes(20)),
    "another run's": _take,
    "removed": lambda path, other, chance: path.unlink(),
    "a folder": _to_folder,
}


def _cache(folder: Path) -> dict[str, str]:
    return {"SWEEPFORMER_CACHE": str(folder / "cache"), "TOKENIZERS_PARALLELISM": "false"}


def _expect(ending: Ending, code: int) -> None:
    if ending.code != code:
        raise RuntimeError(f"a run that nobody disturbed ended with exit code {ending.code}: {ending.screen[-2000:]}")
