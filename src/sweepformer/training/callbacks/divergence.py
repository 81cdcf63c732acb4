"""Ends a run whose loss is no number any more."""

import math
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from sweepformer.errors import Diverged


class DivergenceCheck(Callback):
    """Looks at the loss of every step on a CPU, and of every logged step elsewhere, where looking waits for the device.

    Raises:
        Diverged: the training loss or `val_loss` is infinite or not a number.
    """

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]  # set by one of its connectors
        if pl_module.device.type == "cpu" or trainer.global_step % every == 0:
            loss = outputs["loss"] if isinstance(outputs, dict) else outputs
            if loss is not None:
                self._check("the training loss", float(loss), trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if "val_loss" in trainer.callback_metrics:
            self._check("val_loss", float(trainer.callback_metrics["val_loss"]), trainer)

    def _check(self, name: str, value: float, trainer: Trainer) -> None:
        if not math.isfinite(value):
            raise Diverged(
                f"training diverged: {name} is {value} at step {trainer.global_step}. Lower optimizer.lr, keep "
                "trainer.gradient_clip_val, or train in trainer.precision=32-true."
            )
