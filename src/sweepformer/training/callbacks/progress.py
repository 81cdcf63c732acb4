"""The progress bar."""

import sys
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import TQDMProgressBar

from sweepformer.lightning_internals import connected
from sweepformer.screen.tables import share
from sweepformer.training.callbacks.throughput import Throughput


class Progress(TQDMProgressBar):
    """Lightning's bar on a terminal, nothing elsewhere: a log file is no place for a bar.

    Args:
        refresh_rate: steps between redraws.
    """

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
