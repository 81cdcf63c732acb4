"""How a result is kept: with the command that made it and the machine it ran on."""

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from sweepformer.files.atomic import write_text
from sweepformer.files.locks import locked

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"


def record(name: str, result: dict[str, Any]) -> Path:
    """Write `results/NAME.json`."""
    path = RESULTS / f"{name}.json"
    _write(path, {**about(), **result})
    return path


def record_part(name: str, part: str, result: dict[str, Any]) -> Path:
    """Put a part's figures into `results/NAME.json`, beside those of others, which may end at the same time."""
    return change_part(name, part, {**about(), **result}, anew=True)


def change_part(name: str, part: str, result: dict[str, Any], anew: bool = False) -> Path:
    """Change some figures of a part that was recorded. anew: in place of all that there are."""
    path = RESULTS / f"{name}.json"
    with alone_with(name):
        there = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        _write(path, {**there, part: {**({} if anew else there.get(part, {})), **result}})
    return path


@contextmanager
def alone_with(name: str) -> Iterator[None]:
    """Let no other process change `results/NAME.json` meanwhile."""
    lock = RESULTS / f".{name}.lock"
    with locked(lock, f"{name}.json is being written by another process: waiting for it"):
        yield
        lock.unlink()


def _write(path: Path, content: dict[str, Any]) -> None:
    write_text(path, json.dumps(content, indent=1) + "\n")


def about() -> dict[str, Any]:
    """By which command, when, by which state of the code and on what a result was made."""
    module = "benchmarks." + Path(sys.argv[0]).stem
    return {
        "command": shlex.join(["python", "-m", module, *sys.argv[1:]]),
        "date": date.today().isoformat(),
        "commit": commit(),
        "machine": machine(),
    }


def commit() -> str:
    """The state of the code, seven hex digits or more."""
    return _git("rev-parse", "--short", "HEAD")


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    import torch

    return {
        "cpu": _cpu_name(),
        "cpus": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def run(arguments: list[str], directory: Path, **environment: str) -> None:
    """One command line of `src.run`, its screen kept in the directory's `screen.log`; a failure raises."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "screen.log").open("a") as screen:
        subprocess.run(
            [sys.executable, "-m", "src.run", *arguments],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", **environment},
            stdout=screen,
            stderr=subprocess.STDOUT,
            check=True,
        )


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
