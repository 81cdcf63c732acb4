"""Log files that hold every value once, however often a run is killed."""

from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

LOGS = ("tensorboard/**/events.*",)


class LogFiles(Callback):
    """Notes in every checkpoint how much was logged by then.

    A run that goes on from there logs what comes after once more: `cut_back` removes what an earlier process has
    logged of it. What a logger still holds in memory is written first, so that nothing is missing either.

    Args:
        path: the run's directory.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._trainer: Trainer | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._trainer = trainer

    def state_dict(self) -> dict[str, Any]:
        for logger in self._trainer.loggers if self._trainer else []:
            logger.save()
        return {str(file.relative_to(self._path)): file.stat().st_size for file in _log_files(self._path)}


def cut_back(path: Path, sizes: dict[str, int]) -> None:
    """Shorten the logs of the run at `path` to `sizes`, bytes by name, and remove others. No logger is open yet."""
    for file in _log_files(path):
        size = sizes.get(str(file.relative_to(path)))
        if size is None:
            file.unlink()
        elif size < file.stat().st_size:
            with file.open("r+b") as opened:
                opened.truncate(size)


def _log_files(path: Path) -> list[Path]:
    return sorted(file for pattern in LOGS for file in path.glob(pattern) if file.is_file())
