"""What sweeps use of Hydra that it doesn't document, here alone: a release that changes it fails by name in
`tests/contracts/test_hydra.py`.

It must stay light: Hydra imports this at every start and in every worker.
"""

from collections.abc import Callable
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

JobCall = Callable[[], JobReturn]  # runs one, and returns what Hydra makes of it


class Plugin:
    """What Hydra hands to every sweeper and launcher."""

    hydra_context: Any
    task_function: Any
    config: Any

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config


def launcher_for(plugin: Plugin) -> Launcher:
    """The launcher that a sweeper's config asks for."""
    return Plugins.instance().instantiate_launcher(
        hydra_context=plugin.hydra_context, task_function=plugin.task_function, config=plugin.config
    )


def run_one(plugin: Plugin, overrides: list[str], number: int) -> JobReturn:
    """Compose one job's config and run it here."""
    setup_globals()
    config = plugin.hydra_context.config_loader.load_sweep_config(plugin.config, overrides)
    with open_dict(config):
        config.hydra.job.id = config.hydra.job.num = number
    result = run_job(
        hydra_context=plugin.hydra_context,
        task_function=plugin.task_function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    result.cfg = result.hydra_cfg = None  # nobody asks for them, and a sweep would hold those of every run
    return result


def ended(overrides: list[str], error: str | None) -> JobReturn:
    """The return of a job that ran elsewhere, of which is known no more than how it ended if it ended badly."""
    result = JobReturn(overrides=overrides, status=JobStatus.FAILED if error else JobStatus.COMPLETED)
    result.return_value = RuntimeError(error) if error else None
    return result


def error_of(result: JobReturn) -> str | None:
    """What a job raised. Its `return_value` would print and raise it."""
    return str(result._return_value) if isinstance(result._return_value, BaseException) else None


def shared_state() -> Any:
    """What Hydra knows in this process, for `take_over` in another: each config source, plugin and setting."""
    return Singleton.get_state()


def take_over(state: Any) -> None:
    """Let Hydra know here what it knows in the process that `shared_state` was called in."""
    Singleton.set_state(state)


def restore_log(config: DictConfig) -> None:
    """Set up the sweep's own log, which a job that ran in this process has replaced by its own."""
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
