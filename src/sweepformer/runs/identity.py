"""What makes a run what it is."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from sweepformer.config.metrics import with_modes
from sweepformer.errors import UserError
from sweepformer.runs.directory import RunDirectory
from sweepformer.runs.finding import best_checkpoint
from sweepformer.runs.folder import runs_in

# Of a config, but not of a run: how the sweep around it is conducted, and whose code may be named.
NOT_OF_THE_RUN = ("sweep", "allowed_packages")


def identity(config: dict[str, Any]) -> dict[str, Any]:
    """Of a plain config what says what the run is: modes as their metrics have them, `model.init_from` with what is in
    that file.

    Raises:
        UserError: `model.init_from` names nothing that a run can begin with.
    """
    found = with_modes({key: value for key, value in config.items() if key not in NOT_OF_THE_RUN})
    model = found.get("model")
    if isinstance(model, dict) and model.get("init_from"):
        checkpoint = resolve_init_from(str(model["init_from"]))
        about = checkpoint.stat()
        digest = _digest(checkpoint.absolute(), about.st_mtime_ns, about.st_size)
        found["model"] = {**model, "init_from": {"path": str(model["init_from"]), "sha256": digest}}
    return found


def run_at(path: Path, key: str) -> RunDirectory:
    """The run in the directory `path`.

    Args:
        key: what named it, for the message.

    Raises:
        UserError: there is none; says which runs there are below it.
    """
    run = RunDirectory(path)
    if run.read_config() is None:
        there = [str(one) for one in runs_in(path) if one != path] if path.is_dir() else []
        hint = " But it holds some, of which to name one:\n  " + "\n  ".join(there) if there else ""
        raise UserError(f"{key} is not the directory of a run.{hint}")
    return run


def resolve_init_from(given: str) -> Path:
    """The checkpoint that `model.init_from` names: a file, or the best one in a run's directory.

    A relative path starts where the command was typed.

    Raises:
        UserError: there is no such run, or as of `best_checkpoint`.
    """
    key, path = f"model.init_from={given}", Path(given).expanduser()
    if path.is_file():
        return path
    if not path.is_dir():
        raise UserError(f"{key}: there is no run and no checkpoint {path.absolute()}.")
    run = run_at(path, key)
    try:
        return best_checkpoint(run)
    except UserError as error:
        raise UserError(f"{key}: {error}") from error


@lru_cache(maxsize=64)
def _digest(path: Path, changed: int, size: int) -> str:
    """changed, size: so that another file under the same name is read again; a sweep asks for every run."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
