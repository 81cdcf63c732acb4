"""One line an epoch, on the screen and in run.log."""

import logging

from pytorch_lightning import Callback, LightningModule, Trainer

log = logging.getLogger(__name__)


class EpochLog(Callback):
    """Writes the metrics of an epoch as one line once its validation is done."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        names = ("train_loss", "train_acc", "val_loss", "val_acc", "val_f1")
        metrics = [
            f"{name} {float(trainer.callback_metrics[name]):.3f}"
            for name in names
            if name in trainer.callback_metrics
        ]
        of = f"/{trainer.max_epochs}" if trainer.max_epochs and trainer.max_epochs > 0 else ""
        log.info("epoch %d%s  %s", trainer.current_epoch + 1, of, "  ".join(metrics))
