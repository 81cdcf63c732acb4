"""How a task gets from a batch to a step of its optimizer: in parts if need be, and with sound gradients only."""

import ctypes
import gc
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_value_, clip_grads_with_norm_, get_total_norm
from torch.optim import Adam, Optimizer

from sweepformer.data.batches import Batch, parts
from sweepformer.errors import UserError, is_out_of_memory
from sweepformer.models.torch_internals import divides_by_scale

log = logging.getLogger(__name__)
T = TypeVar("T")


class StepSkipped(Exception):
    """Ends an optimizer's step before the optimizer has changed anything."""


class Steps(pl.LightningModule):
    """Clips gradients and takes steps, but none with gradients that are NaN or infinite.

    Such a step leaves weights, moments and counts as they were; it counts as a step of training all the same, so that
    schedules and the end of training stay where they were planned. `gradient_norm` tells afterwards.

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
        batches_a_step = self._batches_of_step(batch_idx)
        if self.micro_batches is None:
            whole, counted = do(batch)
            # Lightning divides by what a full step holds, the last one of an epoch too.
            most = self.trainer.accumulate_grad_batches
            return whole if batches_a_step == most else whole * (most / batches_a_step), counted
        earlier = _take(self.parameters())
        if batch_idx % self.trainer.accumulate_grad_batches == 0:
            earlier = [None] * len(earlier)  # they belong to the last step

        def do_with_gradients(part: Batch) -> tuple[Tensor, Tensor]:
            loss, sums = do(part)
            share = loss / batches_a_step
            with torch.autocast(self.device.type, enabled=False):  # it is for the forward pass, which this is amid
                (share if self.scaler is None else self.scaler.scale(share)).backward()
            return loss.detach(), sums

        found = self.micro_batches["training"].each(do_with_gradients, batch, undo=lambda: _take(self.parameters()))
        self._gathered = _take(self.parameters())
        _add(self.parameters(), earlier)
        losses, sums = zip(*found, strict=True)
        return torch.stack(losses).sum(), torch.stack(sums).sum(0)

    def _batches_of_step(self, batch_idx: int) -> int:
        """How many batches the step of this one holds: the last step of an epoch may have fewer than the others."""
        most, batches = self.trainer.accumulate_grad_batches, self.trainer.num_training_batches
        if self.trainer.strategy.handles_gradient_accumulation:  # which has steps that go on in the next epoch
            return most
        return int(min(most, batches - batch_idx // most * most))

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        if self._gathered is None:
            super().backward(loss, *args, **kwargs)
        else:
            _add(self.parameters(), self._gathered)
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
        self, optimizer: Optimizer, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        if "FSDP" in type(self.trainer.strategy).__name__:  # no process sees all weights and gradients
            if gradient_clip_val:
                self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
            return
        # Lightning leaves the scale to fused optimizers, and then refuses to clip for them.
        if self.scaler is not None and divides_by_scale(optimizer):
            self.scaler.unscale_(optimizer)
        # The optimizer has them in lists; looking through the modules for them takes a tenth of a tiny model's step.
        moved = [one for group in optimizer.param_groups for one in group["params"] if one.grad is not None]
        norm = self.gradient_norm = get_total_norm([one.grad for one in moved])
        if gradient_clip_val and gradient_clip_algorithm == "value":
            clip_grad_value_(moved, gradient_clip_val)
        elif gradient_clip_val:  # together, to a norm of at most this (Pascanu et al. 2013)
            clip_grads_with_norm_(moved, gradient_clip_val, norm)
        # Nobody has to wait for the device where the optimizer sees to it itself.
        if norm.is_cuda and skips_by_itself(optimizer):
            let_skip(optimizer, norm)
        elif not norm.isfinite():
            raise StepSkipped

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # A run that goes on splits batches as it did: sums of other parts are rounded otherwise.
        if self.micro_batches is not None:
            checkpoint["fit_in_memory"] = {name: one.most for name, one in self.micro_batches.items()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.micro_batches is not None:
            for name, most in checkpoint.get("fit_in_memory", {}).items():
                self.micro_batches[name].most = most


class MicroBatches:
    """Does some work, named in messages, on batches in as few parts as fit in memory, and remembers what does."""

    def __init__(self, work: str) -> None:
        self.work = work
        # Places for tokens in a part, padding included; what has no length, such as weights, is not split by this.
        self.most: int | None = None  # none was too large yet

    def each(self, do: Callable[[Batch], T], batch: Batch, undo: Callable[[], object] = lambda: None) -> list[T]:
        """What `do` returns of every part of a batch, in order.

        When memory is used up, all of the batch is done anew in smaller parts, after `undo` has removed what parts
        have left behind.

        Raises:
            UserError: there is no room for a single row.
        """
        while True:
            number = 1 if self.most is None else min(-(-batch.token_ids.numel() // self.most), len(batch.rows))
            try:
                return [do(part) for part in parts(batch, number)]
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                why = (str(error) or type(error).__name__).splitlines()[0]
            undo()  # not earlier: the error holds on to all that was computed
            self._make_smaller(batch, number, why)

    def _make_smaller(self, batch: Batch, number: int, why: str) -> None:
        rows, size = len(batch.rows), -(-batch.token_ids.numel() // number)
        if number == rows:
            raise UserError(
                f"out of memory in {self.work} with a single row of {size} tokens ({why}): it can't be split. Lower "
                "model.max_length, or choose a smaller model."
            )
        self.most = max(size // 2, 1)
        # What was freed lies about in pieces of the size that was too large, until the system has it back.
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # glibc has it
            trim(0)
        log.warning(
            "warning: %s: %d rows don't fit in memory at once (%s): from here on batches are split in parts of at most "
            "%d tokens, padding included",
            self.work, -(-rows // number), why, self.most,
        )  # fmt: skip


def _take(parameters: Iterable[nn.Parameter]) -> list[Tensor | None]:
    """The gradients of parameters, which have none then."""
    taken = []
    for parameter in parameters:
        taken.append(parameter.grad)
        parameter.grad = None
    return taken


def _add(parameters: Iterable[nn.Parameter], gradients: Sequence[Tensor | None]) -> None:
    """Add gradients, which `_take` has returned, to those that parameters have."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None:
            parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)


def skips_by_itself(optimizer: Optimizer) -> bool:
    """Whether `let_skip` will do. Fused SGD knows how to, but a first step that it skips leaves momentum undefined."""
    return isinstance(optimizer, Adam) and divides_by_scale(optimizer)


def let_skip(optimizer: Any, norm: Tensor) -> None:
    """Tell a fused Adam, on its device, whether to skip the step that comes: what torch's GradScaler does."""
    optimizer.found_inf = (~norm.isfinite()).float()
