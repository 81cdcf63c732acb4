"""An average of the weights, which is what is evaluated and kept."""

from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from sweepformer.errors import UserError


class WeightAveraging(Callback):
    """Keeps an exponential moving average of the weights (Polyak and Juditsky 1992; Tarvainen and Valpola 2017).

    After each optimizer step average = decay * average + (1 - decay) * weights. Validation sees the average, so that
    the best checkpoint is the best average; a checkpoint's `state_dict` is the average, and what training goes on
    from stands under its own key.

    The first steps decay faster, by (1 + step) / (10 + step), or the weights that training began with would outlast a
    short run. Lightning's own callback doesn't, and averages on the CPU what is trained on a GPU.

    Args:
        decay: share of the average that stays, from 0 to below 1: about the last 1 / (1 - decay) steps count.

    Raises:
        ValueError: decay is out of range.
        UserError: weights are split over processes, or a checkpoint would hold the trained weights only.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay={decay} must be at least 0 and below 1")
        self.decay = decay
        self.step = 0
        self._average: list[Tensor] = []
        self._trained: list[Tensor] | None = None  # kept here while the model has the average

    def check(self, trainer: Trainer) -> None:
        """Before anything is trained: raises a UserError where a trainer's strategy or checkpoints don't go with it."""
        if "FSDP" in type(trainer.strategy).__name__:
            raise UserError("callbacks.ema averages whole weights, and trainer.strategy=fsdp splits them. Use ddp.")
        if any(isinstance(one, ModelCheckpoint) and one.save_weights_only for one in trainer.checkpoint_callbacks):
            raise UserError(
                "callbacks.checkpoint.save_weights_only=true would save the trained weights instead of the average of "
                "callbacks.ema. Leave it out."
            )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # In 32 bit at least: a half precision would round small steps away.
        start = self._average or [one.detach().clone() for one in pl_module.parameters()]
        self._average = [
            one.to(weight.device, torch.promote_types(weight.dtype, torch.float32))
            for one, weight in zip(start, pl_module.parameters(), strict=True)
        ]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.step:
            return  # gradients are being accumulated
        self.step = trainer.global_step
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        pairs = zip(self._average, pl_module.parameters(), strict=True)
        get_ema_multi_avg_fn(decay)(self._average, [weight.detach().to(one.dtype) for one, weight in pairs], None)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._show_average(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._show_trained(pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._show_average(pl_module)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._average, self._trained = [], None

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if not self._average:
            return
        validating = self._trained is not None
        self._show_trained(pl_module)
        trained = pl_module.state_dict()
        self._show_average(pl_module)
        checkpoint["state_dict"] = pl_module.state_dict()
        checkpoint["weight_averaging"] = {"trained": trained, "average": self._average, "step": self.step}
        if not validating:
            self._show_trained(pl_module)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        saved = checkpoint["weight_averaging"]
        self._average, self.step = saved["average"], saved["step"]
        pl_module.load_state_dict(saved["trained"])

    def _show_average(self, module: LightningModule) -> None:
        """Swap pointers, not numbers: it costs nothing, and what the optimizer holds stays in place."""
        if self._trained is None and self._average:
            self._trained = [weight.data for weight in module.parameters()]
            for weight, average in zip(module.parameters(), self._average, strict=True):
                weight.data = average.to(weight.dtype)

    def _show_trained(self, module: LightningModule) -> None:
        if self._trained is not None:
            for weight, trained in zip(module.parameters(), self._trained, strict=True):
                weight.data = trained
            self._trained = None
