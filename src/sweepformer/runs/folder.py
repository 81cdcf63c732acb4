"""Which folders are runs, and in which order: the one list for all who look for them."""

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

MARK = Path(".hydra", "config.json")  # what makes a folder a run's
DEPTH = 3  # folders between one that is named and its runs: multirun/NAME/RUN


def is_run(path: Path) -> bool:
    """Whether a run has written into this folder."""
    return (path / MARK).is_file() or (path / "summary.json").is_file()


def runs_in(path: Path, depth: int = DEPTH) -> Iterator[Path]:
    """The runs' folders in one, itself included, by their numbers, then by their names.

    What lies inside of a run is its own affair, such as the run that it begins with (`pretraining`).

    Args:
        depth: how many folders deep to look.
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
