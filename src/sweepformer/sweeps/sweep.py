"""A sweep on disk and how it is brought to its end.

A run of a sweep is known by its config: typed again, a sweep finds the directory of every run that it had, skips
what is completed, goes on with what isn't, and gives new numbers to what is new only.
"""

import argparse
import itertools
import json
import logging
import os
import random
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from omegaconf import OmegaConf

from sweepformer.config.composing import plain, safe_name
from sweepformer.config.plain import config_hash
from sweepformer.config.targets import named_packages
from sweepformer.errors import SweepTerminated, UserError
from sweepformer.files.atomic import remove_unfinished, write_text
from sweepformer.files.inside import refuse_links_out
from sweepformer.files.locks import Locked, locked
from sweepformer.runs.directory import SWEEP_FILE, RunDirectory
from sweepformer.runs.finding import numbered, run_number
from sweepformer.screen.command_line import command_line, quoted
from sweepformer.sweeps.composition import Composition, as_typed
from sweepformer.sweeps.hydra import Plugin, error_of, launcher_for, restore_log
from sweepformer.sweeps.objectives import read_ranking
from sweepformer.sweeps.progress import SweepProgress

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    number: its place in the sweep, for good; overrides: as typed, swept and fixed; swept: only those that
    differ between runs; config: plain.
    """

    number: int
    overrides: tuple[str, ...]
    swept: tuple[str, ...]
    config: dict[str, Any]
    directory: RunDirectory

    @property
    def is_done(self) -> bool:
        return self.directory.result is not None


class Sweep:
    """The directory of a sweep and its runs; a UserError if `sweep.metric` can't rank these. plugin: its sweeper."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin, self._config = plugin, plugin.config
        if OmegaConf.to_container(self._config.hydra.sweep, resolve=False)["subdir"]:  # type: ignore[index, call-overload]
            raise UserError(
                "hydra.sweep.subdir: a sweep names the folders of its runs itself, by number and swept keys, and finds "
                "them again so. Leave it out; hydra.sweep.dir=... or name=... says where they are."
            )
        self.path = Path(self._config.hydra.sweep.dir).absolute()
        self.composition = Composition(plugin, self.path)
        self.options: dict[str, Any] = plain(self._config.sweep)
        self.ranking = read_ranking(self.options, plain(OmegaConf.masked_copy(self._config, ["task"])))
        self.planned = 0  # runs that will be added later included
        self._jobs: dict[str, Job] = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the directory; a UserError if another process is sweeping into it, or it has links that lead out."""
        refuse_links_out(self.path, (".*", ".halving/*", ".devices/*", "optuna.db"))
        try:
            with locked(self.path / ".lock"), _sigterm_stops():
                remove_unfinished([self.path])
                yield
        except Locked:
            raise UserError(
                f"another process is sweeping into {self.path}. Wait for it, stop it, or give another name=..."
            ) from None

    def add(self, overrides: Sequence[str], swept: Sequence[str]) -> Job:
        """The run of a config, the same if asked again; a UserError if it can't be composed, or its name is taken."""
        taken, config, _ = self.composition.of(overrides)
        swept = [one for one in swept if one in taken]
        # Experiments that are swept have names of their own, and may have runs in common.
        named = any(one.startswith("name=") for one in swept)
        key = config_hash(config if named else {**config, "name": None})
        if key not in self._jobs:
            path = self._known.get(config_hash(config)) or self._place(safe_name(",".join(swept)), config)
            self._jobs[key] = Job(run_number(path), tuple(taken), tuple(swept), config, RunDirectory(path))
        return self._jobs[key]

    @property
    def jobs(self) -> list[Job]:
        """The runs that were added, in that order."""
        return list(self._jobs.values())

    @property
    def allowed_packages(self) -> tuple[str, ...]:
        """Packages whose parts its configs may name, as the user says."""
        return named_packages(plain(OmegaConf.masked_copy(self._config, ["allowed_packages"])))

    @cached_property
    def _known(self) -> dict[str, Path]:
        """The directories that were here before, by the config that they hold."""
        configs = {path: RunDirectory(path).read_config() for path in self._paths}
        return {config_hash(config): path for path, config in configs.items() if config}

    @cached_property
    def _paths(self) -> list[Path]:
        return numbered(self.path)

    def _place(self, label: str, config: dict[str, Any]) -> Path:
        """The directory that is named like this run, if it holds no work that would be lost, or a new one."""
        taken = {job.directory.path for job in self.jobs}
        for path in self._paths:
            if path.name.partition("-")[2] == label and path not in taken:
                RunDirectory(path).refuse_other(config)
                return path
        path = self.path / f"{max(map(run_number, self._paths), default=-1) + 1}-{label}".rstrip("-")
        self._paths.append(path)
        return path

    def run(self, jobs: Sequence[Job]) -> None:
        """Bring every job to an end; those that are done are left alone."""
        for job in jobs:
            job.directory.path.mkdir(parents=True, exist_ok=True)
        todo = [job for job in jobs if not job.is_done]
        if len(todo) < len(jobs):
            log.info("%d of %d runs have their result already", len(jobs) - len(todo), len(jobs))
        if any(job.config["callbacks"].get("halving") for job in todo):
            # In the grid's own order each run might be a little better than all before it, and none would stop.
            random.Random(0).shuffle(todo)
        if todo:
            self.run_as_drawn(iter(todo))
        else:
            self._write_about()

    def run_as_drawn(self, jobs: Iterator[Job], at_once: int | None = None) -> None:
        """Bring jobs to an end of which the next one is asked for whenever fewer than `at_once` are running.

        at_once: None leaves it to the launcher, 0 too, if it takes no more than it has room for.
        """
        started: dict[int, Job] = {}

        def to_start() -> Iterator[Job]:
            for job in jobs:
                job.directory.path.mkdir(parents=True, exist_ok=True)
                self._write_about()
                if not job.is_done and job.number not in started:
                    started[job.number] = job
                    job.directory.forget_failure()
                    yield job

        with SweepProgress(lambda: [job.directory for job in self.jobs], self.planned):
            endings = self._launch(to_start(), at_once)
        for job in started.values():
            if job.directory.read_summary() is not None:
                continue
            from sweepformer.training.loggers import conclude_lost  # which loads Lightning

            reason = endings.get(job.number, "its worker was lost")
            summary = job.directory.record_loss(reason, config_hash(job.config), job.overrides)
            try:
                conclude_lost(job.directory.path / "tensorboard", summary)
            except OSError as error:
                log.error("%s: TensorBoard can't be told that it ended (%s)", job.directory.path, error.strerror)

    def _launch(self, jobs: Iterator[Job], at_once: int | None) -> dict[int, str]:
        """Hand jobs to Hydra's launcher; says how those ended of which the launcher knows that they ended badly.

        A launcher of ours asks for the next job when there is room, others get a batch at a time.
        """
        launcher: Any = launcher_for(self._plugin)
        numbers: list[int] = []
        not_the_launchers: list[Exception] = []

        def overrides() -> Iterator[list[str]]:
            try:
                for job in jobs:
                    numbers.append(job.number)
                    where = f"hydra.sweep.dir={quoted(self.path)}"
                    yield [*job.overrides, where, f"hydra.sweep.subdir={quoted(job.directory.path.name)}"]
            except Exception as error:
                not_the_launchers.append(error)
                raise

        results: list[JobReturn] = []
        try:
            if getattr(launcher, "asks_for_the_next", False):
                results += launcher.launch(overrides(), initial_job_idx=0, at_once=at_once)
            else:
                rest = overrides()
                size = None if at_once is None else at_once or os.cpu_count()
                while batch := list(itertools.islice(rest, size)):
                    results += launcher.launch(batch, initial_job_idx=len(results))
        except UserError:
            raise
        except Exception as error:
            if error in not_the_launchers:
                raise
            reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
            raise UserError(f"hydra/launcher can't start runs ({reason}). Check hydra.launcher.*") from error
        finally:
            restore_log(self._config)
        errors = zip(numbers, map(error_of, results), strict=True)
        return {number: error for number, error in errors if error is not None}

    def _write_about(self) -> None:
        """What a run can't know by itself: which keys are swept, the command, and which run is the best."""
        before = self.jobs[0].directory.sweep
        swept = sorted({override.split("=")[0].lstrip("+~") for job in self.jobs for override in job.swept})
        keys = sorted({*before.get("swept", []), *swept})
        about = {"swept": keys, "command": command(), **asdict(self.ranking)}
        write_text(self.path / SWEEP_FILE, json.dumps(about, indent=1) + "\n")


def command() -> str:
    """The command line as it was typed."""
    return command_line("run", *map(as_typed, sys.argv[1:]))


def command_for(overrides: Sequence[str]) -> str:
    """The command for one run, with what the command line said of where configs are."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for long, short in (("--config-dir", "-cd"), ("--config-path", "-cp"), ("--config-name", "-cn")):
        parser.add_argument(long, short)
    given = vars(parser.parse_known_args(sys.argv[1:])[0])
    where = [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value]
    return command_line("run", *where, *overrides)


@contextmanager
def _sigterm_stops() -> Iterator[None]:
    """SIGTERM ends a sweep as Ctrl-C does: its runs write what they have."""

    def stop(*_: object) -> None:
        raise SweepTerminated(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
