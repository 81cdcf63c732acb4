"""A baseline on disk: what it learned, and what its task chose by its answers, as arrays in one file."""

from pathlib import Path
from typing import Any

import numpy as np

from sweepformer.whole_files import replace_file

OF_TASK = "task."  # what the names of the task's arrays begin with


def save_baseline(path: Path, learned: dict[str, np.ndarray], of_task: dict[str, Any]) -> None:
    """Write `Baseline.state`, and beside it the task's state: thresholds, or mean and scale of numbers."""
    arrays = learned | {f"{OF_TASK}{name}": np.asarray(value) for name, value in of_task.items()}

    def write(temporary: str) -> None:
        with open(temporary, "wb") as file:  # given a name, numpy would change it
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    path.parent.mkdir(exist_ok=True)
    replace_file(path, write)


def read_baseline(path: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What `save_baseline` wrote: what was learned, and the task's own.

    Raises:
        ValueError, OSError: it is none, or damaged.
    """
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    of_task = {name.removeprefix(OF_TASK): array for name, array in arrays.items() if name.startswith(OF_TASK)}
    return {name: array for name, array in arrays.items() if not name.startswith(OF_TASK)}, of_task
