"""Watches a run's numbers: counts steps that are skipped and losses that jump, and ends what can't go on."""

import logging
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from sweepformer.errors import Diverged
from sweepformer.lightning_internals import connected
from sweepformer.tasks.task import Task

log = logging.getLogger(__name__)

TOGETHER = 50  # steps whose losses are one: that of a single small batch may be anything
WINDOW = 20  # such means, so that 1000 steps are compared with
DEVIATIONS = 7.0
RATIO = 1.25  # a loss that hardly moves has deviations that mean nothing
SMALLEST_SCALE = 1e-4  # of the loss in fp16; with less, gradients are zeros (Ott et al. 2019, fairseq)
REMEDY = "Lower optimizer.lr, keep trainer.gradient_clip_val, or train in trainer.precision=32-true."


class LossSpikes:
    """Counts sudden rises among logged losses.

    A spike is at least seven standard deviations above the mean of the last 1000 steps (Team OLMo 2025, "2 OLMo 2
    Furious", spike score). Here means over 50 steps are compared, by their logarithms, as losses near zero are skewed,
    and a spike is a quarter above the others at least. In the first 1000 steps there are none: a loss that falls
    steeply is no measure.
    """

    def __init__(self) -> None:
        self.count = 0
        self._together = 1  # logged losses
        self._latest: list[float] = []
        self._means: list[float] = []  # their logarithms

    def log_every(self, steps: int) -> None:
        """Say how many steps' mean a logged loss is."""
        self._together = max(TOGETHER // steps, 1)

    def note(self, loss: float) -> tuple[float, float] | None:
        """Take up a logged loss; at a spike, returns the mean loss before and now."""
        if not 0 < loss < math.inf:
            return None
        self._latest.append(loss)
        if len(self._latest) < self._together:
            return None
        now, self._latest = math.log(np.mean(self._latest)), []
        before = self._means
        self._means = [*before, now][-WINDOW:]
        if len(before) < WINDOW:
            return None
        mean, deviation = float(np.mean(before)), float(np.std(before, ddof=1))
        if now - mean < max(DEVIATIONS * deviation, math.log(RATIO)):
            return None
        self.count += 1
        return math.exp(mean), math.exp(now)

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "latest": [*self._latest], "means": self._means}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count, self._latest, self._means = state["count"], [*state["latest"]], state["means"]


class DivergenceCheck(Callback):
    """Counts the steps that a task skips because gradients are NaN or infinite, and sudden rises of the loss.

    Under 16-mixed, gradients that are too large lower the loss's scale until they fit (Micikevicius et al. 2018): these
    are counted apart, as overflows. Looking waits for the device: each step is looked at on a CPU, and elsewhere all
    since the last look whenever a step is logged, and at an epoch's end.

    Where a strategy keeps gradients to itself (FSDP, DeepSpeed), and of modules that are no `Task`, losses are looked
    at instead, and the first one that is NaN ends the run.

    Args:
        max_skipped: the most steps in a row that may be skipped; the next one ends the run.

    Raises:
        Diverged: more steps are skipped in a row, weights or `val_loss` are NaN or infinite, or fp16 is not
            enough for the gradients.
        ValueError: max_skipped is no count of steps.
    """

    def __init__(self, max_skipped: int = 10) -> None:
        if isinstance(max_skipped, bool) or not isinstance(max_skipped, int) or max_skipped < 0:
            raise ValueError(f"max_skipped={max_skipped} must be a whole number of steps, at least 0")
        self.max_skipped = max_skipped
        self.skipped = 0
        self.overflows = 0
        self.spikes = LossSpikes()
        self._in_a_row = self._most_in_a_row = 0
        self._first: int | None = None  # step that was skipped
        self._told = 0  # of those skipped
        self._norms: list[tuple[int, Tensor]] = []  # by step, not looked at yet
        self._scaler: Any = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._scaler = getattr(trainer.precision_plugin, "scaler", None)
        self.spikes.log_every(connected(trainer).log_every_n_steps)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        every = connected(trainer).log_every_n_steps
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        logged = stepped and trainer.global_step % every == 0
        looks = logged or pl_module.device.type == "cpu"
        norm = getattr(pl_module, "gradient_norm", None)
        if norm is not None:
            self._norms.append((trainer.global_step, norm))
        elif stepped and looks:
            loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
            if loss is not None:
                self._check("the training loss", float(loss), trainer)
        if looks:
            self._look(trainer, pl_module)
        if logged and isinstance(pl_module, Task):
            self._note_loss(pl_module.recent_loss(), trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._look(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if "val_loss" in trainer.callback_metrics:
            self._check("val_loss", float(trainer.callback_metrics["val_loss"]), trainer)

    def _look(self, trainer: Trainer, module: LightningModule) -> None:
        """At all steps since the last look."""
        if not self._norms and self._told == self.skipped:
            return
        self._count()
        if self._scaler is not None and self._in_a_row and self._scaler.get_scale() < SMALLEST_SCALE:
            raise Diverged(
                f"training diverged: up to step {trainer.global_step} no gradients fit into 16 bits, however small the "
                f"loss was scaled ({self._scaler.get_scale():.0e}). Use trainer.precision=bf16-mixed or 32-true, or "
                "lower optimizer.lr."
            )
        if self.skipped == self._told:
            return
        if not self._told and trainer.is_global_zero:
            log.warning(
                "warning: step %d was skipped: its gradients are NaN or infinite. Further ones are counted as "
                "skipped_steps; more than callbacks.divergence.max_skipped=%d in a row end the run",
                self._first, self.max_skipped,
            )  # fmt: skip
        self._told = self.skipped
        _log(trainer, "skipped_steps", self.skipped)
        self._end_if_hopeless(trainer, module)

    def _count(self) -> None:
        steps, norms = [step for step, _ in self._norms], [norm for _, norm in self._norms]
        self._norms = []
        for step, finite in zip(steps, torch.stack(norms).isfinite().tolist() if norms else [], strict=True):
            self._in_a_row = 0 if finite else self._in_a_row + 1
            if finite:
                continue
            if self._scaler is not None:
                self.overflows += 1
                continue
            self.skipped += 1
            self._most_in_a_row = max(self._most_in_a_row, self._in_a_row)
            self._first = self._first or step

    def _end_if_hopeless(self, trainer: Trainer, module: LightningModule) -> None:
        if not all(bool(weight.isfinite().all()) for weight in module.parameters()):
            weights = f"at step {trainer.global_step} there are weights that are NaN or infinite"
            raise Diverged(f"training diverged: {weights}. {REMEDY}")
        if self._most_in_a_row > self.max_skipped:
            raise Diverged(
                f"training diverged: by step {trainer.global_step} the gradients of {self._most_in_a_row} steps in a "
                f"row were NaN or infinite (callbacks.divergence.max_skipped={self.max_skipped}). {REMEDY}"
            )

    def _note_loss(self, loss: float, trainer: Trainer) -> None:
        if (spike := self.spikes.note(loss)) is None:
            return
        if self.spikes.count == 1 and trainer.is_global_zero:
            log.warning(
                "warning: the training loss has jumped from %.3g to %.3g at step %d. Further spikes are counted as "
                "loss_spikes; a lower optimizer.lr or a longer warm-up may help",
                *spike, trainer.global_step,
            )  # fmt: skip
        _log(trainer, "loss_spikes", self.spikes.count)

    def _check(self, name: str, value: float, trainer: Trainer) -> None:
        if not math.isfinite(value):
            raise Diverged(f"training diverged: {name} is {value} at step {trainer.global_step}. {REMEDY}")

    def state_dict(self) -> dict[str, Any]:
        self._count()
        counts = {"skipped": self.skipped, "overflows": self.overflows, "first": self._first, "told": self._told}
        in_a_row = {"in_a_row": self._in_a_row, "most_in_a_row": self._most_in_a_row}
        return {**counts, **in_a_row, "spikes": self.spikes.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.skipped, self.overflows = state_dict["skipped"], state_dict["overflows"]
        self._in_a_row, self._most_in_a_row = state_dict["in_a_row"], state_dict["most_in_a_row"]
        self._first, self._told = state_dict["first"], state_dict["told"]
        self.spikes.load_state_dict(state_dict["spikes"])


def _log(trainer: Trainer, name: str, value: int) -> None:
    for logger in trainer.loggers:
        logger.log_metrics({name: value}, step=trainer.global_step)
