"""Runs as they lie on disk: found, read, told apart by their settings and ranked."""

import json
import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sweepformer.config.metrics import best_first
from sweepformer.errors import UserError
from sweepformer.runs.directory import FINAL, SWEEP_FILE, RunDirectory, Summary
from sweepformer.runs.environment import refuse_newer
from sweepformer.runs.finding import runs_in

READERS = 8  # threads: reading many small files is mostly waiting


# They name and conduct runs, and change nothing about what comes out.
ASIDE = ("name", "hydra", "logger", "sweep", "allowed_packages")
DEFAULT = ""  # of a group that a run leaves as it is


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
    return list(dict.fromkeys(run.absolute() for path in paths for run in _runs_at(path)))


def read_runs(folders: Iterable[Path]) -> list[Run]:
    """The runs in these folders that were started."""
    with ThreadPoolExecutor(READERS) as readers:
        read = [one for one in readers.map(_read, folders) if one]
    if not read:
        return []
    paths, summaries, configs = zip(*read, strict=True)
    settings = settings_of([one.overrides for one in summaries], configs)
    return list(map(Run, paths, summaries, configs, _names(paths), settings))


def rank(runs: Sequence[Run], metric: str, mode: str) -> list[Run]:
    """The runs with a result, best first, those without the metric last."""
    return best_first((run for run in runs if run.has_result), lambda run: run.metric(metric), mode)


def _runs_at(path: Path) -> list[Path]:
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


def _names(paths: Sequence[Path]) -> list[str]:
    """The shortest of a few names for which no two runs have the same."""
    ways: list[Callable[[Path], str]] = [
        _short_name,
        lambda path: f"{path.parent.name}/{_short_name(path)}",
        lambda path: f"{path.parent.name}/{path.name}",
        lambda path: os.path.relpath(path),
    ]
    for way in ways:
        names = [way(path) for path in paths]
        if len(set(names)) == len(names):
            break
    return names


def _short_name(path: Path) -> str:
    """A sweep's runs go by their numbers."""
    number = path.name.partition("-")[0]
    return number if number.isdecimal() and (path.parent / SWEEP_FILE).exists() else path.name


def settings_of(overrides: Sequence[Sequence[str]], configs: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """For every run its value of each key in which not all runs agree; the keys in the order in which they were typed.

    A key that was typed for some runs has its value from the config for the others, so that `seed=0` and the default
    of 0 are the same. A group (`model=tfidf`) has the name that was typed, and none where it was left alone. Keys that
    nobody typed are listed only where runs would be told apart by nothing else.
    """
    typed = [_by_key(one) for one in overrides]
    keys = list(dict.fromkeys(key for one in typed for key in one))
    each = zip(typed, configs, strict=True)
    values = [{key: _value(config, key, one.get(key, DEFAULT)) for key in keys} for one, config in each]
    for key in _unnamed(values, configs, keys):
        for one, config in zip(values, configs, strict=True):
            one[key] = _value(config, key)
    differing = [key for key in (values[0] if values else ()) if len({one[key] for one in values}) > 1]
    return [{key: one[key] for key in differing} for one in values]


def essence(config: dict[str, Any]) -> dict[str, Any]:
    """Of a config what makes a run, without its name and what conducts and logs it."""
    return {key: value for key, value in config.items() if not _is_aside(key)}


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Keys without the groups in front, where that leaves no two alike: `model.num_heads` is `num_heads`."""
    last = [key.rpartition(".")[2] for key in keys]
    return {key: one if last.count(one) == 1 else key for key, one in zip(keys, last, strict=True)}


def _by_key(overrides: Sequence[str]) -> dict[str, str]:
    pairs = (one.lstrip("+").partition("=")[::2] for one in overrides)
    return {key: text for key, text in pairs if not _is_aside(key)}


def _is_aside(key: str) -> bool:
    return key.replace("/", ".").partition(".")[0] in ASIDE


def _value(config: dict[str, Any], key: str, typed: str = DEFAULT) -> str:
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, dict) or part not in node:
            return typed
        node = node[part]
    return typed if isinstance(node, dict) else _text(node)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value) if not isinstance(value, float) else str(value)


def _unnamed(values: list[dict[str, str]], configs: Sequence[dict[str, Any]], keys: list[str]) -> list[str]:
    """Keys of the config in which runs differ that are alike in all that was typed."""
    alike = defaultdict(list)
    for one, config in zip(values, configs, strict=True):
        alike[tuple(one.values())].append(config)
    found: dict[str, None] = {}
    for group in alike.values():
        if any(config != group[0] for config in group):
            leaves = [dict(_leaves(config)) for config in group]
            every = dict.fromkeys(key for one in leaves for key in one)
            found |= dict.fromkeys(key for key in every if len({one.get(key, DEFAULT) for one in leaves}) > 1)
    return [key for key in found if not _is_aside(key) and key not in keys]


def _leaves(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _leaves(value, f"{key}.{name}".lstrip("."))
    else:
        yield key, _text(node)
