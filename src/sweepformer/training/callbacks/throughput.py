"""How fast training goes, in tokens that carry text."""

import time
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from sweepformer.data.batches import Batch


class Throughput(Callback):
    """Counts real tokens (padding is not work that anyone wanted) against the time spent in training steps.

    Logs `tokens_per_second` and `padding_share` at every logging step. Time in validation and in writing
    checkpoints after it is left out. Under several processes each counts its own share and the sum is
    estimated as share times processes.
    """

    def __init__(self) -> None:
        self.positions = 0
        self._padding_before = 0
        self._padding: list[torch.Tensor] = []
        self.seconds = 0.0
        self._since: float | None = None
        self._processes = 1
        self._last = (0, 0.0)

    @property
    def tokens(self) -> int:
        """Positions trained on that hold a token."""
        if self._padding:
            self._padding_before += int(torch.stack(self._padding).sum())
            self._padding = []
        return self.positions - self._padding_before

    @property
    def tokens_per_second(self) -> float | None:
        """Over all of this process's training; None before the first step."""
        return self._processes * self.tokens / self.seconds if self.seconds else None

    @property
    def padding_share(self) -> float | None:
        """Share of positions in batches that hold no token."""
        return 1 - self.tokens / self.positions if self.positions else None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._processes = trainer.world_size
        self._since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if isinstance(batch, Batch):
            self.positions += batch.token_ids.numel()
            if batch.padding_mask is not None:
                # Stays on the device until somebody asks: reading a sum waits for the device.
                self._padding.append(batch.padding_mask.sum())
        self._stop_clock()
        self._since = time.perf_counter()
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]  # set by one of its connectors
        if trainer.loggers and trainer.global_step and trainer.global_step % every == 0:
            tokens, seconds = self._last
            metrics = {
                "tokens_per_second": self._processes * (self.tokens - tokens) / max(self.seconds - seconds, 1e-9),
                "padding_share": self.padding_share or 0.0,
            }
            self._last = (self.tokens, self.seconds)
            for logger in trainer.loggers:
                logger.log_metrics(metrics, step=trainer.global_step)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop_clock()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._since = time.perf_counter() if trainer.training else None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._since = time.perf_counter()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop_clock()

    def _stop_clock(self) -> None:
        if self._since is not None:
            if torch.cuda.is_available() and torch.cuda.is_initialized() and not self.seconds:
                torch.cuda.synchronize()
            self.seconds += time.perf_counter() - self._since
            self._since = None

    def state_dict(self) -> dict[str, Any]:
        return {"tokens": self.tokens, "positions": self.positions, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.positions, self._padding = state_dict["positions"], []
        self._padding_before = self.positions - state_dict["tokens"]
        self.seconds = state_dict["seconds"]
        self._last = (self.tokens, self.seconds)
