"""Our sweepers and launchers, where Hydra looks for them.

Hydra imports this at every start and in every worker: it must stay light, and it is where workers learn our
resolvers. What these classes do is in `sweepformer.sweeps`.
"""

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from sweepformer.config import register

register()


class _Plugin:
    """What Hydra hands to every sweeper and launcher."""

    hydra_context: Any
    task_function: Any
    config: Any

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config


class GridSweeper(_Plugin, Sweeper):
    """Every combination of the values given; typed again it goes on.

    Args:
        params: swept values by key, as `hydra.sweeper.params` of an experiment; the command line comes over them.
    """

    def __init__(self, params: dict[str, str] | None = None) -> None:
        self.params = params or {}

    def sweep(self, arguments: list[str]) -> list[float | None]:
        from sweepformer.sweeps.grid import sweep_grid

        return sweep_grid(self, {**self.params}, arguments)


class ProcessLauncher(_Plugin, Launcher):
    """Runs jobs on this machine, each in a process of its own.

    Args:
        n_jobs: how many at once; -1: as many as there are CPUs.
        isolate: False runs them in this process, for a debugger.
    """

    def __init__(self, n_jobs: int = 1, isolate: bool = True) -> None:
        self.n_jobs, self.isolate = n_jobs, isolate

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        from sweepformer.sweeps.processes import run_in_processes, warm_up

        warm_up()
        jobs = [
            partial(run_one, self, list(overrides), initial_job_idx + index)
            for index, overrides in enumerate(job_overrides)
        ]
        if not self.isolate:
            return [job() for job in jobs]
        endings = run_in_processes(jobs, os.cpu_count() or 1 if self.n_jobs == -1 else self.n_jobs)
        return [ended(overrides, ending) for overrides, ending in zip(job_overrides, endings, strict=True)]


def run_one(plugin: Any, overrides: list[str], number: int) -> JobReturn:
    """Compose one job's config and run it here."""
    from hydra.core.utils import run_job, setup_globals
    from omegaconf import open_dict

    setup_globals()
    config = plugin.hydra_context.config_loader.load_sweep_config(plugin.config, overrides)
    with open_dict(config):
        config.hydra.job.id = config.hydra.job.num = number
    return run_job(
        hydra_context=plugin.hydra_context,
        task_function=plugin.task_function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )


def ended(overrides: Sequence[str], ending: str | None) -> JobReturn:
    """What is known of a job that ran elsewhere; its result is in its summary."""
    result = JobReturn(overrides=list(overrides), status=JobStatus.FAILED if ending else JobStatus.COMPLETED)
    result.return_value = RuntimeError(ending) if ending else None
    return result
