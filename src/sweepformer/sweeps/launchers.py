"""Launchers: where the runs of a sweep run.

It must stay light: Hydra imports this at every start and in every worker.
"""

import os
import sys
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from sweepformer.errors import UserError
from sweepformer.sweeps.hydra import JobCall, Plugin, ended, run_one


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

    Args:
        n_jobs: how many at once; -1: as many as there are CPUs.
        isolate: False runs them in this process, for a debugger.
    """

    def __init__(self, n_jobs: int = 1, isolate: bool = True) -> None:
        self.n_jobs, self.isolate = n_jobs, isolate

    def run(self, jobs: Iterator[JobCall], at_once: int | None) -> Sequence[JobReturn | str | None]:
        from sweepformer.sweeps.processes import run_in_processes, warm_up

        room = _room(self.n_jobs, at_once)
        first = next(jobs, None)
        if first is None:
            return []
        warm_up()
        jobs = chain([first], jobs)
        if not self.isolate:
            return [job() for job in jobs]
        return run_in_processes(jobs, room)


class RayLauncher(AskingLauncher):
    """Runs jobs as tasks of a Ray cluster.

    Args:
        ray: `init`, the arguments of `ray.init`, and `remote`, those of `ray.remote` for one job.
    """

    def __init__(self, ray: DictConfig) -> None:
        self.options: Any = OmegaConf.to_container(ray, resolve=True)

    def run(self, jobs: Iterator[JobCall], at_once: int | None) -> Sequence[JobReturn | str | None]:
        from sweepformer.sweeps.remote import run_on_ray

        return run_on_ray(self.options, jobs, at_once)


class SubmititLauncher(AskingLauncher):
    """Runs jobs under submitit.

    Args:
        executor: "slurm" or "local".
        submitit_folder: for submitit's logs.
        n_jobs: how many at once, for "local"; a Slurm array has its own limit.
        parameters: what submitit's executor takes.
    """

    def __init__(self, executor: str, submitit_folder: str, n_jobs: int = 0, **parameters: Any) -> None:
        self.executor, self.folder, self.n_jobs, self.parameters = executor, submitit_folder, n_jobs, parameters

    def run(self, jobs: Iterator[JobCall], at_once: int | None) -> Sequence[JobReturn | str | None]:
        from sweepformer.sweeps.remote import run_under_submitit

        # Slurm has a queue, and an array_parallelism of its own; "local" has neither.
        if self.executor == "local":
            at_once = min(self.n_jobs or os.cpu_count() or 1, at_once or sys.maxsize)
        return run_under_submitit(self.executor, self.folder, self.parameters, jobs, at_once)


def _room(n_jobs: Any, at_once: int | None) -> int:
    """How many runs fit on this machine at once, by `hydra.launcher.n_jobs` and by what the sweeper wants."""
    if not isinstance(n_jobs, int) or (n_jobs < 1 and n_jobs != -1):
        raise UserError(f"hydra.launcher.n_jobs={n_jobs} must be at least 1, or -1 for as many as there are CPUs.")
    room = os.cpu_count() or 1 if n_jobs == -1 else n_jobs
    return min(room, at_once or room)
