"""Which file of weights a path stands for: a run's best, that of a sweep's best run, or the file itself."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sweepformer.errors import UserError
from sweepformer.runs.best_checkpoint import best_checkpoint, shown, state_of
from sweepformer.runs.directory import SWEEP_FILE, RunDirectory, Summary
from sweepformer.runs.environment import refuse_newer

MARK = ".hydra/config.json"  # what makes a folder a run's
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
    within = [folder for level in (f"*/{MARK}", f"*/*/{MARK}") for folder in _folders(path, level)]
    if not within:
        raise UserError(f"{given} holds no run. Name the directory of a run or a sweep, as training prints it.")
    more = [f"and {len(within) - SHOWN} more"] if len(within) > SHOWN else []
    names = "\n  ".join([*map(shown, within[:SHOWN]), *more])
    raise UserError(f"{given} is no run itself, and no sweep. Name one of the runs in it:\n  {names}")


def _best_of(sweep: Path) -> Found:
    runs = [RunDirectory(folder) for folder in _folders(sweep, f"*/{MARK}")]
    for run in runs:
        refuse_newer(run.read_environment(), shown(run.path))
    done = [(run, summary) for run in runs if (summary := run.result)]
    if not done:
        states = ", ".join(sorted({state_of(run.read_summary()) for run in runs})) or "none was started"
        raise UserError(f"{sweep}: none of the {len(runs)} runs of this sweep has a result ({states}).")
    task = (done[0][0].read_config() or {}).get("task", {})
    metric, sign = task.get("monitor", "val_acc"), -1 if task.get("mode", "max") == "max" else 1
    ranked = sorted(done, key=lambda one: _rank(one[1], metric, sign))  # of equals the first stays first
    run, summary = ranked[0]
    value = summary.metrics.get(metric, math.nan)
    return Found(best_checkpoint(run), run, f"the best of {len(done)} runs by {metric} ({value:.4f})")


def _rank(summary: Summary, metric: str, sign: int) -> float:
    value = summary.metrics.get(metric, math.nan)
    return math.inf if math.isnan(value) else sign * value


def _folders(path: Path, level: str) -> Iterator[Path]:
    """Those of runs, by their numbers, then by their names."""

    def order(folder: Path) -> tuple[float, str]:
        number = folder.name.partition("-")[0]
        return (int(number) if number.isdigit() else math.inf), str(folder)

    yield from sorted((mark.parents[1] for mark in path.glob(level)), key=order)
