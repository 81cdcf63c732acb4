"""How far training is: a bar on a terminal, and one line an epoch on the screen and in run.log."""

import logging
import sys
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import TQDMProgressBar

from sweepformer.config.metrics import telling
from sweepformer.lightning_internals import connected
from sweepformer.screen.tables import share
from sweepformer.training.callbacks.throughput import Throughput

log = logging.getLogger(__name__)


class Progress(TQDMProgressBar):
    """Lightning's bar on a terminal, redrawn every so many steps; nothing elsewhere: a log file is no place for it."""

    def __init__(self, refresh_rate: int = 10) -> None:
        super().__init__(refresh_rate=refresh_rate if sys.stderr.isatty() else 0, leave=False)

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """What stands behind the bar: speed, but no version number."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        for callback in connected(trainer).callbacks:
            if isinstance(callback, Throughput) and (latest := callback.latest):
                metrics["tokens/s"] = f"{latest['tokens_per_second']:,.0f}"
                metrics["padding"] = f"{latest['padding_share']:.0%}"
                metrics["mfu"] = share(latest.get("mfu"))
        return metrics


class EpochLog(Callback):
    """Writes the metrics of an epoch as one line, once Lightning has gathered them all."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._write(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        metrics, epochs = trainer.callback_metrics, trainer.current_epoch
        names = ("train_loss", "train_acc", "val_loss", *telling("val", metrics))
        found = [f"{name} {float(metrics[name]):.3f}" for name in names if name in metrics]
        if trainer.is_global_zero and epochs and found:
            of = f"/{trainer.max_epochs}" if trainer.max_epochs and trainer.max_epochs > 0 else ""
            log.info("epoch %d%s  %s", epochs, of, "  ".join(found))
