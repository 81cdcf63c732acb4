"""How a task gets from a batch to a step of its optimizer: in parts if need be, and with sound gradients only."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from sweepformer.data.batches import Batch
from sweepformer.models.torch_internals import divides_by_scale
from sweepformer.tasks.gradients import StepSkipped, add, clip, skip_unless_finite, take
from sweepformer.tasks.micro_batches import MicroBatches

T = TypeVar("T")


class Steps(pl.LightningModule):
    """Clips gradients and takes steps, but none with gradients that are NaN or infinite.

    Such a step leaves weights and optimizer as they were; it counts as a step all the same, so that schedules and the
    end of training stay where they were planned. `gradient_norm` tells afterwards.

    Args:
        auto_micro_batch: split batches that don't fit in memory. Their gradients add up to the same, as losses are
            sums over rows; dropout draws other random numbers for parts than it would for the whole.
    """

    def __init__(self, auto_micro_batch: bool = False) -> None:
        super().__init__()
        # Of all gradients before they were clipped, a float scalar; None while those of a step are gathered, and where
        # processes share them out (FSDP).
        self.gradient_norm: Tensor | None = None
        self.micro_batches: dict[str, MicroBatches] | None = None
        if auto_micro_batch:
            self.micro_batches = {name: MicroBatches(name) for name in ("training", "evaluation")}
        self._gathered: list[Tensor | None] | None = None

    @property
    def scaler(self) -> torch.amp.GradScaler | None:
        """What scales losses so that gradients of 16 bits don't vanish; None in other precisions."""
        return getattr(self.trainer.precision_plugin, "scaler", None)

    def in_parts(self, do: Callable[[Batch], T], batch: Batch) -> list[T]:
        """What `do` returns of a batch in evaluation, or of each of its parts. It is to leave nothing behind."""
        return [do(batch)] if self.micro_batches is None else self.micro_batches["evaluation"].each(do, batch)

    def learn_in_parts(
        self, do: Callable[[Batch], tuple[Tensor, Tensor]], batch: Batch, batch_idx: int
    ) -> tuple[Tensor, Tensor]:
        """What `do` returns of a batch in training, two sums over rows of which the first is minimised.

        With micro-batches the gradients are calculated here, part by part, and wait for `backward`: Lightning clears
        those of the last step in between.
        """
        self.gradient_norm = None
        if self.micro_batches is None:
            return do(batch)
        earlier = take(self.parameters())
        if batch_idx % self.trainer.accumulate_grad_batches == 0:
            earlier = [None] * len(earlier)  # they belong to the last step

        def do_with_gradients(part: Batch) -> tuple[Tensor, Tensor]:
            loss, sums = do(part)
            self._calculate_gradients(loss / self.trainer.accumulate_grad_batches)
            return loss.detach(), sums

        found = self.micro_batches["training"].each(do_with_gradients, batch, undo=lambda: take(self.parameters()))
        self._gathered = take(self.parameters())
        add(self.parameters(), earlier)
        losses, sums = zip(*found, strict=True)
        return torch.stack(losses).sum(), torch.stack(sums).sum(0)

    def _calculate_gradients(self, loss: Tensor) -> None:
        with torch.autocast(self.device.type, enabled=False):  # it is for the forward pass, which this is amid
            (loss if self.scaler is None else self.scaler.scale(loss)).backward()

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        if self._gathered is None:
            super().backward(loss, *args, **kwargs)
        else:
            add(self.parameters(), self._gathered)
            self._gathered = None

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Callable[[], Any] | None = None
    ) -> None:
        try:
            super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        except StepSkipped:
            if self.scaler is not None:
                self.scaler.update()  # which lowers the scale, as after a step that it skips itself

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        if is_fsdp(self.trainer):
            if gradient_clip_val:
                self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
            return
        # Lightning leaves the scale to fused optimizers, and then refuses to clip for them.
        if self.scaler is not None and divides_by_scale(optimizer):
            self.scaler.unscale_(optimizer)
        # The optimizer has them in lists; looking through the modules for them takes a tenth of a tiny model's step.
        moved = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        self.gradient_norm = clip(moved, gradient_clip_val, by_value=gradient_clip_algorithm == "value")
        skip_unless_finite(optimizer, self.gradient_norm)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # A run that goes on splits batches as it did: sums of other parts are rounded otherwise.
        if self.micro_batches is not None:
            checkpoint["fit_in_memory"] = {name: one.most for name, one in self.micro_batches.items()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.micro_batches is not None:
            for name, most in checkpoint.get("fit_in_memory", {}).items():
                self.micro_batches[name].most = most


def is_fsdp(trainer: pl.Trainer) -> bool:
    """Whether weights and gradients are split over processes, none of which sees all of them."""
    return "FSDP" in type(trainer.strategy).__name__
