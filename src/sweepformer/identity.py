"""What makes a run what it is."""

import hashlib
import os
import shlex
from functools import lru_cache
from pathlib import Path
from typing import Any

from yaml import safe_load

from sweepformer.errors import UserError
from sweepformer.run_directory import FINAL, RunDirectory


def identity(config: dict[str, Any]) -> dict[str, Any]:
    """Of a plain config all but how the sweep around it is conducted; `model.init_from` with what is in that file.

    Raises:
        UserError: `model.init_from` names nothing that a run can begin with.
    """
    found = {key: value for key, value in config.items() if key != "sweep"}
    model = found.get("model")
    if isinstance(model, dict) and model.get("init_from"):
        checkpoint = find_checkpoint(str(model["init_from"]))
        about = checkpoint.stat()
        digest = _digest(checkpoint.absolute(), about.st_mtime_ns, about.st_size)
        found["model"] = {**model, "init_from": {"path": str(model["init_from"]), "sha256": digest}}
    return found


def find_checkpoint(given: str) -> Path:
    """The checkpoint that `model.init_from` names: a file, or the best one in a run's directory.

    A relative path starts where the command was typed.

    Raises:
        UserError: there is no such run, or it has not come to its end.
    """
    key, path = f"model.init_from={given}", Path(given).expanduser()
    if path.is_file():
        return path
    if not path.is_dir():
        raise UserError(f"{key}: there is no run and no checkpoint {path.absolute()}.")
    run = RunDirectory(path)
    if run.read_config() is None:
        inside = sorted(str(one.parents[1]) for one in path.glob("*/.hydra/config.json"))
        hint = " But it holds some, of which to name one:\n  " + "\n  ".join(inside) if inside else ""
        raise UserError(f"{key} is not the directory of a run, and no checkpoint.{hint}")
    summary = run.read_summary()
    if summary is None or summary.status not in FINAL:
        state = summary.status if summary else "running, or killed"
        last = f",\nor name a checkpoint of it: {path / 'checkpoints' / 'last.ckpt'}"
        raise UserError(
            f"{key}: that run has not come to its end ({state}). Finish it first:\n  {_command_that_finishes(run)}"
            + (last if run.last_checkpoint.exists() else "")
        )
    best = run.path / summary.best_checkpoint if summary.best_checkpoint else run.last_checkpoint
    if not best.exists():
        raise UserError(f"{key}: {os.path.relpath(best)} is gone, which was its best checkpoint. Name another file.")
    return best


def _command_that_finishes(run: RunDirectory) -> str:
    whole = run.whole
    if command := whole.sweep.get("command"):
        return str(command)
    try:
        overrides = safe_load((whole.path / ".hydra" / "overrides.yaml").read_text(encoding="utf-8"))
    except OSError:
        overrides = []
    return shlex.join(["python", "-m", "src.run", *overrides, f"hydra.run.dir={os.path.relpath(whole.path)}"])


@lru_cache(maxsize=64)
def _digest(path: Path, changed: int, size: int) -> str:
    """changed, size: so that another file under the same name is read again; a sweep asks for every run."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
