"""Sweepers: which runs a sweep has.

It must stay light: Hydra imports this at every start and in every worker.
"""

from typing import Any

from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig

from sweepformer.config.composing import plain
from sweepformer.sweeps.hydra import Plugin


class GridSweeper(Plugin, Sweeper):
    """Every combination of the values given; typed again it goes on.

    Args:
        params: swept values by key, as `hydra.sweeper.params` of an experiment; the command line comes over them.
    """

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
