"""The weights that a finished run stands for, and what is said of a run that has none."""

import os
import re
from pathlib import Path

from sweepformer.errors import UserError
from sweepformer.files.inside import inside
from sweepformer.runs.directory import RunDirectory, Summary
from sweepformer.runs.environment import refuse_newer
from sweepformer.screen.command_line import command_line


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
    if not best.is_file():
        raise UserError(f"{shown(best)} is gone, which was the best checkpoint of the run. Name another file.")
    return best


def state_of(summary: Summary | None) -> str:
    """What became of a run, in words."""
    return summary.status if summary else "running, or killed"


def shown(path: Path) -> str:
    """As short as it can be typed."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _unfinished(run: RunDirectory) -> str:
    summary = run.read_summary()
    message = ((summary and summary.error) or {}).get("message", "")
    reason = f": {message.splitlines()[0]}" if message else ""
    best = _best_so_far(run)
    other = f"\nor name its best checkpoint so far:\n  {shown(best)}" if best else "\nIt has left no checkpoint."
    return (
        f"{shown(run.path)} has not come to its end ({state_of(summary)}{reason}). Finish it first:\n  "
        f"{_command_that_finishes(run)}{other}"
    )


def _best_so_far(run: RunDirectory) -> Path | None:
    """By the metric in the checkpoints' names; the last one if none says it."""
    task = (run.read_config() or {}).get("task", {})
    pattern = re.compile(re.escape(str(task.get("monitor"))) + r"=(-?\d+(?:\.\d+)?)")
    named = [(float(found[1]), path) for path in run.checkpoints.glob("*.ckpt") if (found := pattern.search(path.stem))]
    if named:
        return (max if task.get("mode") == "max" else min)(named)[1]
    return run.last_checkpoint if run.last_checkpoint.exists() else None


def _command_that_finishes(run: RunDirectory) -> str:
    whole = run.whole
    if command := whole.sweep.get("command"):
        return str(command)
    return command_line("run", *whole.overrides, f"hydra.run.dir={os.path.relpath(whole.path)}")
