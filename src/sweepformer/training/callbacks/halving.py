"""Early stopping across the runs of a sweep: those that are not among the best give up their time."""

import glob
import json
import logging
import math
from pathlib import Path

from pytorch_lightning import Callback, LightningModule, Trainer

from sweepformer.errors import UserError
from sweepformer.files.atomic import write_text
from sweepformer.lightning_internals import is_over
from sweepformer.runs.directory import RunDirectory

log = logging.getLogger(__name__)


class SuccessiveHalving(Callback):
    """Asynchronous successive halving, the stopping kind (Li et al. 2020, ASHA).

    After `min_epochs`, `min_epochs * reduction`, `min_epochs * reduction ** 2`, ... epochs a run reports its
    metric into the sweep's directory, and stops unless it is among the best `1 / reduction` of all that have
    reported there. No run waits for another and nothing but the directory is shared, so it works with every
    launcher and sweeper, and a sweep that is typed again goes on with what was reported.

    Args:
        directory: the run's. A run that belongs to no sweep is never stopped.
        monitor, mode: what runs are compared by, and whether it is to be "max" or "min".
        min_epochs: epochs that every run gets.
        reduction: at each rung one run of so many goes on; at least 2.
    """

    def __init__(
        self,
        directory: RunDirectory,
        monitor: str = "val_acc",
        mode: str = "max",
        min_epochs: int = 1,
        reduction: int = 3,
    ) -> None:
        if min_epochs < 1 or reduction < 2:
            raise ValueError(f"min_epochs={min_epochs} must be at least 1 and reduction={reduction} at least 2")
        if mode not in ("max", "min"):
            raise ValueError(f"mode={mode} must be max or min")
        self.monitor, self.mode, self.min_epochs, self.reduction = monitor, mode, min_epochs, reduction
        self._directory, self._run = directory, directory.path.name
        self._reports = directory.path.parent / ".halving" if directory.sweep else None
        self.stopped = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._directory.sweep and was_stopped(self._directory):
            self.stopped = trainer.should_stop = True

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        if self._reports is None or trainer.sanity_checking or is_over(trainer):
            return
        if not self._is_rung(epoch, trainer.max_epochs):
            return
        if self.monitor not in trainer.callback_metrics:
            raise UserError(
                f"callbacks.halving.monitor={self.monitor}: there is no such metric. "
                f"There are: {', '.join(sorted(trainer.callback_metrics))}."
            )
        value = float(trainer.callback_metrics[self.monitor])
        stop = False
        if trainer.is_global_zero:
            rung = self._reports / f"epoch-{epoch}"
            others = [one for name, one in read_rung(rung).items() if name != self._run]
            stop = not self._is_among_the_best(value, others)
            # The decision is kept: a run that is killed before it has written its summary stays stopped.
            write_text(rung / f"{self._run}.json", json.dumps({"value": value, "stopped": stop}))
        if trainer.strategy.broadcast(stop):
            self.stopped = trainer.should_stop = True
            log.info("stopped after epoch %d: %s %.4f is not among the best of the sweep", epoch, self.monitor, value)

    def _is_rung(self, epoch: int, last: int | None) -> bool:
        power = math.log(epoch / self.min_epochs, self.reduction) if epoch >= self.min_epochs else -1.0
        return power >= 0 and abs(power - round(power)) < 1e-9 and epoch != last

    def _is_among_the_best(self, value: float, others: list[float]) -> bool:
        # Who came first keeps the place: a run that is merely as good as others is no news.
        ahead = sum(other >= value if self.mode == "max" else other <= value for other in others)
        return ahead < max(1, (len(others) + 1) // self.reduction)


def read_rung(rung: Path) -> dict[str, float]:
    """What the runs of a sweep have reported at a rung, by the name of their directory."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8"))["value"] for path in rung.glob("*.json")}


def was_stopped(directory: RunDirectory) -> bool:
    """Whether the run of this directory was stopped at a rung, now or before it was interrupted."""
    reports = (directory.path.parent / ".halving").glob(f"*/{glob.escape(directory.path.name)}.json")
    return any(json.loads(path.read_text(encoding="utf-8"))["stopped"] for path in reports)
