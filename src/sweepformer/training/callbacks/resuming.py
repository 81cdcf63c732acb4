"""What a run that goes on needs, and Lightning's checkpoints don't hold: random numbers, loose ends, logs, time."""

import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from sweepformer.lightning_internals import (
    batches_done,
    end_resuming,
    logged_steps,
    note_validation,
    save_between_batches,
)
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


class LooseEnds(Callback):
    """Keeps in every checkpoint, and puts back: latest metrics, gradients of a step whose batches are not all done,
    whether training had ended early, and Lightning's own counters as they stand between two batches."""

    def __init__(self) -> None:
        self._trainer: Trainer | None = None
        self._restored: dict[str, Any] | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._trainer = trainer

    def state_dict(self) -> dict[str, Any]:
        trainer = self._trainer
        assert trainer is not None
        done = batches_done(trainer)
        within_a_step = done < trainer.num_training_batches and done % trainer.accumulate_grad_batches != 0
        gradients = {
            name: parameter.grad.detach().cpu().clone()
            for name, parameter in trainer.lightning_module.named_parameters()
            if parameter.grad is not None and within_a_step
        }
        return {
            "metrics": {name: value.detach().cpu().clone() for name, value in trainer.callback_metrics.items()},
            "gradients": of_each(gradients),
            "ended": trainer.should_stop,
            "logged_steps": logged_steps(trainer),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._restored = state_dict

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        save_between_batches(trainer, checkpoint)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._restored is not None:
            trainer.callback_metrics.update(self._restored["metrics"])
            trainer.should_stop = trainer.should_stop or self._restored["ended"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._restored is not None:
            gradients = of_this(self._restored["gradients"])
            for name, parameter in pl_module.named_parameters():
                if (gradient := gradients.get(name)) is not None:
                    parameter.grad = gradient.to(parameter.device)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._go_on(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self._go_on(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            note_validation(trainer)

    def _go_on(self, trainer: Trainer) -> None:
        """Lightning is past its resuming."""
        if self._restored is not None:
            end_resuming(trainer, self._restored["logged_steps"])
            self._restored = None


class LogFiles(Callback):
    """Notes in every checkpoint how much was logged by then.

    A run that goes on from there logs what comes after once more: `cut_back` removes what an earlier process has
    logged of it. What a logger still holds in memory is written first, so that nothing is missing either.
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


def cut_back(path: Path, sizes: Mapping[str, int]) -> None:
    """Shorten the logs of the run at `path` to `sizes`, bytes by name, and remove others. No logger is open yet."""
    for file in _log_files(path):
        size = sizes.get(str(file.relative_to(path)))
        if size is None:
            file.unlink()
        elif size < file.stat().st_size:
            with file.open("r+b") as opened:
                opened.truncate(size)


def _log_files(path: Path) -> list[Path]:
    return sorted(file for file in path.glob("tensorboard/**/events.*") if file.is_file())


class Clock(Callback):
    """Counts the seconds of training, with validation and all else that is done in it.

    What earlier processes did after the checkpoint that this one went on from is lost, and not counted.
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
