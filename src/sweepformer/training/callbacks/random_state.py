"""Random numbers that go on where a checkpoint left them."""

import random
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from sweepformer.tasks.each_process import of_each, of_this


class RandomState(Callback):
    """Saves the generators' states in every checkpoint and restores them before the first step of a resume.

    Without it a resumed run would draw other dropout masks than the run that was never stopped.
    """

    def __init__(self) -> None:
        self._restored: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        version, words, position, has_gauss, gauss = np.random.get_state(legacy=True)
        own = {
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "numpy": [version, torch.from_numpy(np.array(words)), position, has_gauss, gauss],
            "python": list(random.getstate()[1]),
        }
        return {"processes": of_each(own)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._restored = state_dict

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._restored is None:
            return
        state, self._restored = of_this(self._restored["processes"]), None
        torch.set_rng_state(state["torch"].cpu())
        if len(state["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([one.cpu() for one in state["cuda"]])
        version, words, position, has_gauss, gauss = state["numpy"]
        np.random.set_state((version, words.numpy(), position, has_gauss, gauss))
        random.setstate((3, tuple(state["python"]), None))
