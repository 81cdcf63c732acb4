"""Runs as they lie on disk: found, read, told apart and ranked."""

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sweepformer.config.metrics import best_first
from sweepformer.errors import UserError
from sweepformer.runs.directory import FINAL, SWEEP_FILE, RunDirectory, Summary
from sweepformer.runs.environment import refuse_newer
from sweepformer.runs.folder import runs_in
from sweepformer.runs.settings import settings_of

READERS = 8  # threads: reading many small files is mostly waiting


@dataclass(frozen=True, eq=False)
class Run:
    """One run that was started.

    name: short, and no other run's among those read with it; settings: the keys in which these runs differ.
    """

    path: Path
    summary: Summary
    config: dict[str, Any]
    name: str
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def has_result(self) -> bool:
        return self.summary.status in FINAL

    @property
    def was_stopped(self) -> bool:
        """Whether it had less training than the sweep's others, by early stopping across runs."""
        return self.summary.status == "stopped_early_by_sweep"

    @cached_property
    def but_for_the_seed(self) -> tuple[tuple[str, str], ...]:
        """What it shares with the runs that differ from it in nothing but the seed."""
        return tuple((key, value) for key, value in self.settings.items() if key != "seed")

    def metric(self, name: str) -> float:
        """nan where it has no such metric."""
        return self.summary.metrics.get(name, math.nan)

    @property
    def what_went_wrong(self) -> str:
        """In one line, why there is no result."""
        if self.summary.status == "interrupted":
            return "typed again, it goes on"
        error = self.summary.error or {}
        kind, message = error.get("type", ""), error.get("message", "").split("\n")[0]
        if kind in ("UserError", "Diverged", "ProcessLost"):  # written for people
            return message
        return f"{kind}: {message}" if message else kind


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """The folders of the runs at some paths: of runs, of sweeps, or of folders with some of them.

    Raises:
        UserError: there is no run at one of them, or no such folder.
    """
    return list(dict.fromkeys(run.absolute() for path in paths for run in _some_runs(path)))


def read_runs(folders: Iterable[Path]) -> list[Run]:
    """The runs in these folders that were started."""
    with ThreadPoolExecutor(READERS) as readers:
        read = [one for one in readers.map(_read, folders) if one]
    runs = list(_named([Run(path, summary, config, name="") for path, summary, config in read]))
    settings = settings_of([run.summary.overrides for run in runs], [run.config for run in runs])
    return [Run(run.path, run.summary, run.config, run.name, one) for run, one in zip(runs, settings, strict=True)]


def rank(runs: Sequence[Run], metric: str, mode: str) -> list[Run]:
    """The runs with a result, best first, those without the metric last."""
    return best_first((run for run in runs if run.has_result), lambda run: run.metric(metric), mode)


def _some_runs(path: Path) -> list[Path]:
    if not path.is_dir():
        raise UserError(f"{path}: there is no such folder.")
    try:
        found = list(runs_in(path))
    except OSError as error:
        raise UserError(f"{error.filename} can't be read ({error.strerror}).") from error
    if not found:
        raise UserError(
            f"{path} holds no runs. Give the folder of a run (outputs/NAME/TIME), of a sweep (multirun/NAME), or one "
            "that holds some of these."
        )
    return found


def _read(path: Path) -> tuple[Path, Summary, dict[str, Any]] | None:
    directory = RunDirectory(path)
    try:
        refuse_newer(directory.read_environment(), "it")
        summary = directory.read_outcome()
    except UserError as newer:
        summary = Summary("unreadable", error={"type": "UserError", "message": str(newer)})
    return (path, summary, directory.read_config() or {}) if summary else None


def _named(runs: list[Run]) -> Iterable[Run]:
    """The shortest of a few names for which no two runs have the same."""
    ways: list[Callable[[Path], str]] = [
        _short_name,
        lambda path: f"{path.parent.name}/{_short_name(path)}",
        lambda path: f"{path.parent.name}/{path.name}",
        lambda path: os.path.relpath(path),
    ]
    for way in ways:
        names = [way(run.path) for run in runs]
        if not names or max(Counter(names).values()) == 1:
            break
    return (Run(run.path, run.summary, run.config, name) for run, name in zip(runs, names, strict=True))


def _short_name(path: Path) -> str:
    """A sweep's runs go by their numbers."""
    number = path.name.partition("-")[0]
    return number if number.isdecimal() and (path.parent / SWEEP_FILE).exists() else path.name
