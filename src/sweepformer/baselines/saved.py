"""A baseline on disk: what it learned, what its task chose by its answers, and its run's config and classes.

One file of arrays, with a checksum over each of them, as any zip archive has.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sweepformer.whole_files import replace_file

ABOUT = "sweepformer"  # the name of the text that describes the run, as checkpoints call it
OF_TASK = "task."  # what the names of the task's arrays begin with


class Saved(NamedTuple):
    """What a file of a baseline holds.

    learned: `Baseline.state`; of_task: what the task itself has chosen; about: `config`, `classes` and `pairs` of its
    run, and by which version it was made.
    """

    learned: dict[str, np.ndarray]
    of_task: dict[str, np.ndarray]
    about: dict[str, Any]


def save_baseline(path: Path, learned: dict[str, np.ndarray], of_task: dict[str, Any], about: dict[str, Any]) -> None:
    """Write `Baseline.state`, what its task chose (thresholds, or mean and scale of numbers) and what its run is."""
    arrays = learned | {f"{OF_TASK}{name}": np.asarray(value) for name, value in of_task.items()}
    arrays[ABOUT] = np.frombuffer(json.dumps(about, ensure_ascii=False).encode(), dtype=np.uint8)

    def write(temporary: str) -> None:
        with open(temporary, "wb") as file:  # given a name, numpy would change it
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    path.parent.mkdir(exist_ok=True)
    replace_file(path, write)


def read_baseline(path: Path) -> Saved:
    """What `save_baseline` wrote.

    Raises:
        Exception: whatever numpy makes of another file, or a damaged one.
    """
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    about = json.loads(arrays.pop(ABOUT).tobytes())
    of_task = {name.removeprefix(OF_TASK): array for name, array in arrays.items() if name.startswith(OF_TASK)}
    return Saved({name: array for name, array in arrays.items() if not name.startswith(OF_TASK)}, of_task, about)
