"""Which folders are runs, and which file of weights a path stands for: a run's best, a sweep's best, or itself."""

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sweepformer.config.metrics import best_first, recorded_direction
from sweepformer.errors import UserError
from sweepformer.files.inside import inside
from sweepformer.runs.directory import SWEEP_FILE, RunDirectory
from sweepformer.runs.environment import refuse_newer
from sweepformer.screen.command_line import command_line

MARK = Path(".hydra", "config.json")  # what makes a folder a run's
DEPTH = 3  # folders between one that is named and its runs: multirun/NAME/RUN


def is_run(path: Path) -> bool:
    """Whether a run has written into this folder."""
    return (path / MARK).is_file() or (path / "summary.json").is_file()


def runs_in(path: Path, depth: int = DEPTH) -> Iterator[Path]:
    """The runs' folders in one, itself included, by their numbers, then by their names.

    What lies inside of a run is its own affair, such as the run that it begins with (`pretraining`). depth: how many
    folders deep to look.
    """
    if is_run(path):
        yield path
    elif depth:
        for folder in _folders(path):
            yield from runs_in(folder, depth - 1)


def numbered(sweep: Path) -> list[Path]:
    """The folders of a sweep's runs by number, those included that were not started yet."""
    return [one for one in _folders(sweep) if _number(one) is not None] if sweep.is_dir() else []


def run_number(path: Path) -> int:
    """The number of a sweep's run, with which its folder's name begins."""
    return int(path.name.partition("-")[0])


def shown(path: Path) -> str:
    """As short as it can be typed."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _folders(path: Path) -> list[Path]:
    with os.scandir(path) as entries:
        found = [Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    return sorted(found, key=lambda one: (math.inf if (number := _number(one)) is None else number, one.name))


def _number(path: Path) -> int | None:
    return run_number(path) if re.match(r"\d+(-|$)", path.name) else None


SHOWN = 10  # runs that a message names
BUNDLED = ("model.onnx", "model.pt2", "model.safetensors")  # what an exported folder has one of


@dataclass(frozen=True)
class Found:
    """What is to be loaded.

    checkpoint: the file; run: the directory that it belongs to, None if it stands alone; chosen: how it was chosen, in
    words, empty where there was nothing to choose.
    """

    checkpoint: Path
    run: RunDirectory | None = None
    chosen: str = ""


def find(given: str | os.PathLike[str]) -> Found:
    """The weights that a run's directory, a sweep's directory, a checkpoint's path or an exported folder stand for.

    Raises:
        UserError: there is nothing, the run has no result, or it was made by a newer version.
    """
    path = Path(given).expanduser()
    if path.is_file():
        run = RunDirectory(path.absolute().parent.parent)
        return Found(path, run if run.read_config() is not None else None)
    if not path.is_dir():
        raise UserError(f"{given}: there is no such file or folder. Name a run's directory, a sweep's or a checkpoint.")
    run = RunDirectory(path)
    if run.read_config() is not None:
        return Found(best_checkpoint(run), run)
    if (path / SWEEP_FILE).exists():
        return _best_of(path)
    if bundled := next((path / name for name in BUNDLED if (path / name).is_file()), None):
        return Found(bundled)
    within = [folder for folder in runs_in(path) if folder != path]
    if not within:
        raise UserError(f"{given} holds no run. Name the directory of a run or a sweep, as training prints it.")
    more = [f"and {len(within) - SHOWN} more"] if len(within) > SHOWN else []
    names = "\n  ".join([*map(shown, within[:SHOWN]), *more])
    raise UserError(f"{given} is no run itself, and no sweep. Name one of the runs in it:\n  {names}")


def best_checkpoint(run: RunDirectory) -> Path:
    """The checkpoint that a run chose as its best; its last one if none was best by a metric.

    Raises:
        UserError: the run has not come to its end or was made by a newer version, or that checkpoint is gone or not in
            the run's folder.
    """
    refuse_newer(run.read_environment(), shown(run.path))
    summary = run.result
    if summary is None:
        raise UserError(_unfinished(run))
    try:
        best = inside(run.path, summary.best_checkpoint) if summary.best_checkpoint else run.last_checkpoint
    except ValueError as error:
        raise UserError(
            f"{shown(run.path)}: its summary.json names a best checkpoint that is not its own: {error}. If you trust "
            "that file, name it itself."
        ) from error
    if not summary.best_checkpoint and not best.is_file():
        raise UserError(
            f"{shown(run.path)}: this run wrote no checkpoint, as with trainer.fast_dev_run or callbacks without a "
            "checkpoint. Train it again in another directory with one."
        )
    if not best.is_file():
        raise UserError(f"{shown(best)} is gone, which was the best checkpoint of the run. Name another file.")
    return best


def _best_of(sweep: Path) -> Found:
    """The best of a sweep's runs, by what its leaderboard goes by."""
    runs = [RunDirectory(folder) for folder in runs_in(sweep, depth=1)]
    for run in runs:
        refuse_newer(run.read_environment(), shown(run.path))
    done = [(run, summary) for run in runs if (summary := run.result)]
    if not done:
        states = ", ".join(sorted({_state_of(run) for run in runs})) or "none was started"
        raise UserError(f"{sweep}: none of the {len(runs)} runs of this sweep has a result ({states}).")
    about, task = done[0][0].sweep, (done[0][0].read_config() or {}).get("task", {})
    metric = about.get("metric") or task.get("monitor", "val_acc")
    mode = about.get("mode") or recorded_direction(metric, task)
    run, summary = best_first(done, lambda one: one[1].metrics.get(metric, math.nan), mode)[0]
    value = summary.metrics.get(metric, math.nan)
    return Found(best_checkpoint(run), run, f"the best of {len(done)} runs by {metric} ({value:.4f})")


def _state_of(run: RunDirectory) -> str:
    """What became of a run, in words."""
    summary = run.read_summary()
    return summary.status if summary else "running, or killed"


def _unfinished(run: RunDirectory) -> str:
    summary, whole, best = run.read_summary(), run.whole, _best_so_far(run)
    message = ((summary and summary.error) or {}).get("message", "")
    reason = f": {message.splitlines()[0]}" if message else ""
    again = command_line("run", *whole.overrides, f"hydra.run.dir={os.path.relpath(whole.path)}")
    other = f"\nor name its best checkpoint so far:\n  {shown(best)}" if best else "\nIt has left no checkpoint."
    return (
        f"{shown(run.path)} has not come to its end ({_state_of(run)}{reason}). Finish it first:\n  "
        f"{whole.sweep.get('command') or again}{other}"
    )


def _best_so_far(run: RunDirectory) -> Path | None:
    """By the metric in the checkpoints' names, of equals the later; the last one if none says it."""
    task = (run.read_config() or {}).get("task", {})
    metric = str(task.get("monitor"))
    pattern = re.compile(re.escape(metric) + r"=(-?\d+(?:\.\d+)?)")
    paths = sorted(run.checkpoints.glob("*.ckpt"), reverse=True)
    named = [(float(found[1]), path) for path in paths if (found := pattern.search(path.stem))]
    if named:
        return best_first(named, lambda one: one[0], recorded_direction(metric, task))[0][1]
    return run.last_checkpoint if run.last_checkpoint.exists() else None


def run_at(path: Path, key: str) -> RunDirectory:
    """The run in the directory `path`, which `key` named.

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
