"""One line an epoch, on the screen and in run.log."""

import logging

from pytorch_lightning import Callback, LightningModule, Trainer

from sweepformer.config.metrics import telling

log = logging.getLogger(__name__)


class EpochLog(Callback):
    """Writes the metrics of an epoch as one line, once Lightning has gathered them all."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._write(trainer, trainer.current_epoch)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._write(trainer, trainer.current_epoch)

    def _write(self, trainer: Trainer, epochs: int) -> None:
        metrics = trainer.callback_metrics
        names = ("train_loss", "train_acc", "val_loss", *telling("val", metrics))
        found = [f"{name} {float(metrics[name]):.3f}" for name in names if name in metrics]
        if trainer.is_global_zero and epochs and found:
            of = f"/{trainer.max_epochs}" if trainer.max_epochs and trainer.max_epochs > 0 else ""
            log.info("epoch %d%s  %s", epochs, of, "  ".join(found))
