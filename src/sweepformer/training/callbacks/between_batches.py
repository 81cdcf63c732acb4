"""The moments at which a run can be saved and stopped, and nothing is half done."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from sweepformer.training.callbacks.checkpoints import Checkpoints
from sweepformer.training.stopping import Stop


class BetweenBatches(Callback):
    """Lets checkpoints that are due be written before the next batch, and ends the run there if it is told to stop.

    It stands before all other callbacks: before any of them has done something for the next batch.

    Args:
        stop: whether the run was told to stop.
    """

    def __init__(self, stop: Stop) -> None:
        self.stop = stop

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.stop.wait_for_a_good_moment()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._pause(trainer, batch_idx)

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        # What is due waits for the next batch of training; a run that is to stop does not.
        if not trainer.sanity_checking and self._is_to_stop(trainer, batch_idx):
            self._save_and_stop(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for checkpoints in _all_of(trainer):
            checkpoints.save_due(trainer, whatever=True)
        self.stop.wait_no_longer()

    def _pause(self, trainer: Trainer, batch_idx: int) -> None:
        if self._is_to_stop(trainer, batch_idx):
            self._save_and_stop(trainer)
        for checkpoints in _all_of(trainer):
            checkpoints.save_due(trainer)

    def _is_to_stop(self, trainer: Trainer, batch_idx: int) -> bool:
        if trainer.world_size == 1:
            return self.stop.asked
        # Processes that train together stop together, or some would wait for ever; and asking each other takes time.
        return batch_idx % 10 == 0 and trainer.strategy.reduce_boolean_decision(self.stop.asked, all=False)

    def _save_and_stop(self, trainer: Trainer) -> None:
        self.stop.saving()
        for checkpoints in _all_of(trainer):
            checkpoints.save_due(trainer, whatever=True)
        self.stop.now()


def _all_of(trainer: Trainer) -> list[Checkpoints]:
    return [one for one in trainer.checkpoint_callbacks if isinstance(one, Checkpoints)]
