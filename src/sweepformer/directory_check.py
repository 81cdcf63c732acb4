"""Says clearly what is wrong with a run's directory before Hydra stumbles over it."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException


class CheckDirectories(Callback):
    """Ends the command if `hydra.run.dir` or `hydra.sweep.dir` can't be made or written.

    It exits instead of raising, because Hydra turns a callback's exceptions into warnings.
    """

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        self._check(config, "run")

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        self._check(config, "sweep")

    def _check(self, config: DictConfig, kind: str) -> None:
        try:
            path = Path(config.hydra[kind].dir)
        except OmegaConfBaseException as error:
            sys.exit(f"Error: {(error.__cause__ or error)}")
        try:
            path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
        except OSError as error:
            sys.exit(
                f"Error: hydra.{kind}.dir={path} can't be written ({error.strerror}). "
                f"Choose another place with hydra.{kind}.dir=..."
            )
