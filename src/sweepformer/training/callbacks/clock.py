"""How long a training takes, however many processes have gone on with it."""

import time
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer


class Clock(Callback):
    """Counts the seconds of training, with validation and all else that is done in it.

    Attributes:
        earlier: of the processes before this one, up to the checkpoint that it went on from. What they did after
            that is lost, and not counted.
    """

    def __init__(self) -> None:
        self.earlier = 0.0
        self._began: float | None = None

    @property
    def seconds(self) -> float:
        """Of all processes up to now."""
        return self.earlier + (time.perf_counter() - self._began if self._began is not None else 0.0)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            self._began = time.perf_counter()

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.earlier = state_dict["seconds"]
