"""Our sweepers and launchers, which runs a sweep has and where these run, and where a project's presets are.

Hydra looks for plugins here, and takes those of this module's own. It imports them at every start and in every worker,
which is where those learn our resolvers: this must stay light.
"""

import os
import sys
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, OmegaConf

from sweepformer.commands.hydra_setup import register
from sweepformer.config.composing import plain
from sweepformer.config.presets import add_project
from sweepformer.errors import UserError
from sweepformer.sweeps.hydra import JobCall, Plugin, ended, run_one

register()


class GridSweeper(Plugin, Sweeper):
    """Every combination of the values given, in `params` of an experiment or over them; typed again it goes on."""

    def __init__(self, params: dict[str, str] | None = None) -> None:
        self.params = params or {}

    def sweep(self, arguments: list[str]) -> list[float | None]:
        from sweepformer.sweeps.grid import sweep_grid

        return sweep_grid(self, {**self.params}, arguments)


class OptunaSweeper(Plugin, Sweeper):
    """Values drawn by Optuna; `conf/hydra/sweeper/optuna.yaml` says what its options mean."""

    def __init__(
        self,
        n_trials: int,
        sampler: DictConfig,
        metrics: Any,
        direction: Any,
        n_jobs: int | None = None,
        storage: str | None = None,
        study_name: str | None = None,
        params: dict[str, str] | None = None,
    ) -> None:
        """Refuses keys that there aren't. Their values are read in `options`: `sampler`, which Hydra doesn't resolve
        from 1.4 on, has no parents here that its interpolations could look into.
        """

    @property
    def options(self) -> dict[str, Any]:
        """The options as plain values; where no `n_jobs` is given, 0: as many as the launcher has room for."""
        options = plain(self.config.hydra.sweeper)
        # A Slurm array has room for all trials at once, which then learn nothing from each other.
        array = min(self.config.hydra.launcher.get("array_parallelism") or 0, 8)
        return {**options, "n_jobs": array if options["n_jobs"] is None else options["n_jobs"]}

    def sweep(self, arguments: list[str]) -> list[float | None]:
        from sweepformer.sweeps.study import sweep_study

        return sweep_study(self, arguments)


class AskingLauncher(Plugin, Launcher):
    """A launcher that takes its jobs from an iterator: with `at_once`, the next when fewer than that are running.

    At once 0 stands for as many as there is room for; None, where there is a queue, for all.
    """

    asks_for_the_next = True

    def launch(
        self, job_overrides: Iterable[Sequence[str]], initial_job_idx: int, at_once: int | None = None
    ) -> list[JobReturn]:
        taken: list[list[str]] = []

        def jobs() -> Iterator[JobCall]:
            for number, overrides in enumerate(job_overrides, initial_job_idx):
                taken.append(list(overrides))
                yield partial(run_one, self, taken[-1], number)

        endings = zip(taken, self.run(jobs(), at_once), strict=True)
        return [one if isinstance(one, JobReturn) else ended(overrides, one) for overrides, one in endings]

    @abstractmethod
    def run(self, jobs: Iterator[JobCall], at_once: int | None) -> Sequence[JobReturn | str | None]:
        """Run the jobs; says of each how it ended if it ended badly, else None, or returns what Hydra made of it."""


class ProcessLauncher(AskingLauncher):
    """Runs jobs on this machine, each in a process of its own.

    n_jobs: how many at once; -1: as many as there are CPUs; isolate: False runs them in this process, for a debugger.
    """

    def __init__(self, n_jobs: Any = 1, isolate: bool = True) -> None:
        self.n_jobs, self.isolate = n_jobs, isolate

    def run(self, jobs: Iterator[JobCall], at_once: int | None) -> Sequence[JobReturn | str | None]:
        from sweepformer.sweeps.processes import run_in_processes, warm_up

        if not isinstance(self.n_jobs, int) or (self.n_jobs < 1 and self.n_jobs != -1):
            raise UserError(
                f"hydra.launcher.n_jobs={self.n_jobs} must be at least 1, or -1 for as many as there are CPUs."
            )
        room = os.cpu_count() or 1 if self.n_jobs == -1 else self.n_jobs
        first = next(jobs, None)
        if first is None:
            return []
        warm_up()
        jobs = chain([first], jobs)
        if not self.isolate:
            return [job() for job in jobs]
        return run_in_processes(jobs, min(room, at_once or room))


class RayLauncher(AskingLauncher):
    """Runs jobs as tasks of a Ray cluster; `ray` has arguments of `ray.init` in `init`, of `ray.remote` in `remote`."""

    def __init__(self, ray: DictConfig) -> None:
        self.options: Any = OmegaConf.to_container(ray, resolve=True)

    def run(self, jobs: Iterator[JobCall], at_once: int | None) -> Sequence[JobReturn | str | None]:
        from sweepformer.sweeps.remote import run_on_ray

        return run_on_ray(self.options, jobs, at_once)


class SubmititLauncher(AskingLauncher):
    """Runs jobs under submitit.

    executor: "slurm" or "local"; submitit_folder: for submitit's logs; n_jobs: how many at once, for "local", as a
    Slurm array has its own limit; parameters: what submitit's executor takes.
    """

    def __init__(self, executor: str, submitit_folder: str, n_jobs: int = 0, **parameters: Any) -> None:
        self.executor, self.folder, self.n_jobs, self.parameters = executor, submitit_folder, n_jobs, parameters

    def run(self, jobs: Iterator[JobCall], at_once: int | None) -> Sequence[JobReturn | str | None]:
        from sweepformer.sweeps.remote import run_under_submitit

        # Slurm has a queue, and an array_parallelism of its own; "local" has neither.
        if self.executor == "local":
            at_once = min(self.n_jobs or os.cpu_count() or 1, at_once or sys.maxsize)
        return run_under_submitit(self.executor, self.folder, self.parameters, jobs, at_once)


class ProjectPresets(SearchPathPlugin):
    """The presets of the project in whose folder the command is typed."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        add_project(search_path)
