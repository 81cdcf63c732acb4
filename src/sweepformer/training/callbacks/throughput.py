"""How fast training goes, in tokens that carry text."""

import statistics
import time
from functools import cache
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from sweepformer.data.batches import Batch
from sweepformer.lightning_internals import connected
from sweepformer.models.layout import Packed
from sweepformer.models.torch_internals import compiled_frames

# Dense 16-bit matrix products in TFLOP/s, from NVIDIA's data sheets (which print twice that, "with sparsity", for
# all of these but the V100 and the T4). By the beginning of the name that the driver gives; the longest one counts.
TERAFLOPS_16_BIT = {
    "NVIDIA B200": 2250.0, "NVIDIA GH200": 989.4, "NVIDIA H200": 989.4,
    "NVIDIA H100": 989.4, "NVIDIA H100 PCIe": 756.5, "NVIDIA H100 NVL": 835.5,
    "NVIDIA A100": 312.0, "NVIDIA A30": 165.0, "NVIDIA A10": 125.0,
    "NVIDIA L40S": 362.0, "NVIDIA L40": 181.0, "NVIDIA L4": 121.0,
    "Tesla V100": 125.0, "Tesla T4": 65.0,
}  # fmt: skip
SIZE, PRODUCTS = 1024, 5  # of matrices that are multiplied: 10 to 100 ms in all
MOST_WAITING = 1000  # batches of which nobody has asked yet


def peak_flops(device: torch.device, precision: str) -> float | None:
    """FLOP/s of matrix products in a precision: measured on a CPU, from data sheets for a GPU.

    None where it isn't known: another device's peak would be worse than none.
    """
    sixteen_bit = "16" in precision
    if device.type == "cpu":
        return _measured(torch.bfloat16 if sixteen_bit else torch.float32)
    if device.type != "cuda" or not sixteen_bit:
        return None
    return data_sheet(torch.cuda.get_device_name(device))


def data_sheet(name: str) -> float | None:
    """FLOP/s in 16 bit of a GPU by its name; None if it isn't in the table."""
    known = [one for one in TERAFLOPS_16_BIT if name == one or name.startswith((f"{one} ", f"{one}-"))]
    return TERAFLOPS_16_BIT[max(known, key=len)] * 1e12 if known else None


@cache  # once for all runs of a process
def _measured(dtype: torch.dtype) -> float:
    # Not drawn: the numbers don't matter, and random ones would move the generator that training draws from.
    a = torch.ones(SIZE, SIZE, dtype=dtype)
    seconds = []
    for _ in range(PRODUCTS):
        began = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - began)
    return 2 * SIZE**3 / statistics.median(seconds)


class Throughput(Callback):
    """Counts real tokens (padding is not work that anyone wanted) against the time spent in training steps.

    Logs `tokens_per_second`, `padding_share` and, where the device's peak is known, `mfu` at every logging step:
    model FLOPs utilisation (Chowdhery et al. 2022, PaLM, appendix B), on real tokens. Time in validation and in
    writing checkpoints after it is left out. So are the first step and every step in which something was compiled:
    `warm_up` says how many seconds they took. Under several processes each counts its own share and the sum is
    estimated as share times processes.
    """

    def __init__(self) -> None:
        self.positions = 0
        self.seconds = 0.0
        self.warm_up = 0.0
        self._compiled = -1  # as no count is: the first step, too, is one in which something changed
        self.latest: dict[str, float] = {}
        self._tokens, self._squares = 0, 0
        self._lengths: list[torch.Tensor] = []
        self._since: float | None = None
        self._processes = 1
        self._last = (0, 0.0)
        self._peak: float | None = None
        self._flops: Any = None
        self._earlier_mfu: float | None = None

    @property
    def tokens(self) -> int:
        """Positions trained on that hold a token."""
        self._count()
        return self._tokens

    @property
    def tokens_per_second(self) -> float | None:
        """Over all of this process's training; None before the first step."""
        return self._processes * self.tokens / self.seconds if self.seconds else None

    @property
    def padding_share(self) -> float | None:
        """Share of positions in batches that hold no token."""
        return 1 - self.tokens / self.positions if self.positions else None

    @property
    def mfu(self) -> float | None:
        """Share of the device's peak that went into real tokens; None if the peak or the model's cost isn't known."""
        if not self.seconds or self._peak is None or self._flops is None:
            return self._earlier_mfu
        return self._flops(self.tokens, self._squares) / self.seconds / self._peak

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._processes = trainer.world_size
        self._flops = getattr(getattr(pl_module, "model", None), "training_flops", None)
        self._peak = peak_flops(trainer.strategy.root_device, str(trainer.precision)) if self._flops else None
        self._since = time.perf_counter()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self._since is None:  # there was a validation, and perhaps a checkpoint was written
            self._since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        before = self.seconds
        self._stop_clock()
        if (compiled := compiled_frames()) != self._compiled:
            self._compiled = compiled
            self.warm_up, self.seconds = self.warm_up + self.seconds - before, before
        elif isinstance(batch, Batch):
            self._note(batch)
        self._since = time.perf_counter()
        every = connected(trainer).log_every_n_steps
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if stepped and trainer.global_step and trainer.global_step % every == 0:
            tokens, seconds = self._last
            self.latest = {
                "tokens_per_second": self._processes * (self.tokens - tokens) / max(self.seconds - seconds, 1e-9),
                "padding_share": self.padding_share or 0.0,
            }
            if (mfu := self.mfu) is not None:
                self.latest["mfu"] = mfu
            self._last = (self.tokens, self.seconds)
            for logger in trainer.loggers:
                logger.log_metrics(self.latest, step=trainer.global_step)

    def _note(self, batch: Batch) -> None:
        self.positions += batch.token_ids.numel()
        if batch.layout is None:
            rows, length = batch.token_ids.shape
            self._tokens, self._squares = self._tokens + rows * length, self._squares + rows * length**2
            return
        # Stays on the device until somebody asks: reading a sum waits for the device.
        lengths = batch.layout.lengths.long() if isinstance(batch.layout, Packed) else (~batch.layout).sum(1)
        self._lengths.append(torch.stack([lengths.sum(), lengths.square().sum()]))
        if len(self._lengths) == MOST_WAITING:
            self._count()

    def _count(self) -> None:
        if self._lengths:
            tokens, squares = torch.stack(self._lengths).sum(0).tolist()
            self._tokens, self._squares, self._lengths = self._tokens + tokens, self._squares + squares, []

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop_clock()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._since = time.perf_counter()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop_clock()

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._stop_clock()

    def _stop_clock(self) -> None:
        if self._since is not None:
            if torch.cuda.is_available() and torch.cuda.is_initialized() and not self.seconds:
                torch.cuda.synchronize()
            self.seconds += time.perf_counter() - self._since
            self._since = None

    def state_dict(self) -> dict[str, Any]:
        counts = {"tokens": self.tokens, "squares": self._squares, "positions": self.positions}
        times = {"seconds": self.seconds, "warm_up": self.warm_up}
        return {**counts, **times, "processes": self._processes, "mfu": self.mfu}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # Not all of these were counted when a checkpoint was written.
        state = {"squares": 0, "warm_up": 0.0, "processes": 1, "mfu": None, **state_dict}
        self._tokens, self._squares, self._lengths = state["tokens"], state["squares"], []
        self.positions, self.seconds, self.warm_up = state["positions"], state["seconds"], state["warm_up"]
        self._processes, self._earlier_mfu = state["processes"], state["mfu"]
        self._last = (self.tokens, self.seconds)
