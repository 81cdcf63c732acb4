"""Our sweepers, launchers and places of presets, where Hydra looks for them; what they do is in `sweepformer`.

Hydra finds the classes of this package alone, under the names that they are defined by here. It imports them at every
start and in every worker, which is where those learn our resolvers.
"""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from sweepformer.commands.hydra_setup import register
from sweepformer.config.presets import add_project
from sweepformer.sweeps import launchers, sweepers

register()


class GridSweeper(sweepers.GridSweeper):
    """`hydra/sweeper=basic`."""


class OptunaSweeper(sweepers.OptunaSweeper):
    """`hydra/sweeper=optuna`."""


class ProcessLauncher(launchers.ProcessLauncher):
    """`hydra/launcher=basic` and `joblib`."""


class RayLauncher(launchers.RayLauncher):
    """`hydra/launcher=ray`."""


class SubmititLauncher(launchers.SubmititLauncher):
    """`hydra/launcher=submitit_local` and `submitit_slurm`."""


class ProjectPresets(SearchPathPlugin):
    """The presets of the project in whose folder the command is typed."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        add_project(search_path)
