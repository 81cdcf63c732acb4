"""One class a row."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from torchmetrics import MeanMetric, Metric
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from sweepformer.data.batches import Batch
from sweepformer.models.layout import Layout

STEP_SCALARS = "train_loss_step"


class Classification(pl.LightningModule):
    """Trains a model to name the class of a row.

    Args:
        model: called with token ids (batch, length) int64 and a padding mask (batch, length) bool or None (with
            model.attention=varlen as packed rows); returns logits (batch, classes).
        make_optimizer: given the model, returns its optimizer.
        make_schedule: given the optimizer, returns Lightning's scheduler dict.
        class_counts: training rows of each class.
        rows_per_batch: mean number of rows in a training batch. The summed loss is divided by this constant
            and not by the batch's own number, so that every row weighs the same although batches of short
            rows hold more of them.
        label_smoothing: share of the target that is spread over all classes (Szegedy et al. 2016).
        class_weights: "none", or "balanced": weights inverse to the classes' frequency.
        saved: plain data that every checkpoint carries, so that it can be used without the run's directory.
    """

    def __init__(
        self,
        model: nn.Module,
        make_optimizer: Callable[[nn.Module], Optimizer],
        make_schedule: Callable[[Optimizer], dict[str, Any]],
        class_counts: Sequence[int],
        rows_per_batch: float,
        label_smoothing: float = 0.0,
        class_weights: str = "none",
        saved: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.make_optimizer, self.make_schedule = make_optimizer, make_schedule
        self.rows_per_batch, self.label_smoothing = rows_per_batch, label_smoothing
        self.saved = saved or {}
        counts = torch.tensor(class_counts, dtype=torch.float32)
        weights = counts.sum() / (len(counts) * counts.clamp(min=1)) if class_weights == "balanced" else None
        self.class_weights: Tensor | None
        self.register_buffer("class_weights", weights, persistent=False)
        classes = len(counts)
        self.metrics = nn.ModuleDict({f"{split}_metrics": self._metrics(classes) for split in ("val", "test")})
        self._train: list[Tensor] = []

    @staticmethod
    def _metrics(classes: int) -> nn.ModuleDict:
        return nn.ModuleDict(
            {
                "loss": MeanMetric(),
                "acc": MulticlassAccuracy(classes, average="micro", validate_args=False),
                "f1": MulticlassF1Score(classes, average="macro", validate_args=False),
            }
        )

    def forward(self, token_ids: Tensor, layout: Layout = None) -> Tensor:
        """Logits (batch, classes)."""
        return self.model(token_ids, layout)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        logits = self(batch.token_ids, batch.layout)
        summed = cross_entropy(
            logits, batch.labels, self.class_weights, label_smoothing=self.label_smoothing, reduction="sum"
        )
        # Sums stay on the device until somebody wants to see them: reading one waits for the device.
        correct = (logits.detach().argmax(1) == batch.labels).sum()
        rows = torch.tensor(len(batch.labels), device=logits.device)
        self._train.append(torch.stack([summed.detach().float(), correct.float(), rows.float()]))
        return summed / self.rows_per_batch

    def on_train_epoch_start(self) -> None:
        self._train, self._logged = [], 0

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        step = self.trainer.global_step
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]  # set by one of its connectors
        due = step % every == 0 and len(self._train) > self._logged
        if due and (batch_idx + 1) % self.trainer.accumulate_grad_batches == 0:
            loss, _, rows = torch.stack(self._train[self._logged :]).sum(0).tolist()
            self._logged = len(self._train)
            for logger in self.trainer.loggers:
                logger.log_metrics({STEP_SCALARS: loss / rows}, step=step)

    def on_train_epoch_end(self) -> None:
        if self._train:
            loss, correct, rows = torch.stack(self._train).sum(0)
            means = {"train_loss": loss / rows, "train_acc": correct / rows}
            self.log_dict(means, sync_dist=self.trainer.world_size > 1)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate("val", batch)

    def on_validation_epoch_end(self) -> None:
        self._log_metrics("val", prog_bar=True)

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        logits = self._evaluate("test", batch)
        return {"rows": batch.rows, "labels": batch.labels, "probabilities": logits.float().softmax(1)}

    def on_test_epoch_end(self) -> None:
        self._log_metrics("test")

    def _evaluate(self, split: str, batch: Batch) -> Tensor:
        logits = self(batch.token_ids, batch.layout).float()
        metrics = cast("dict[str, Metric]", self.metrics[f"{split}_metrics"])
        loss = cross_entropy(logits, batch.labels)  # unweighted and unsmoothed: comparable across runs
        metrics["loss"].update(loss, weight=len(batch.labels))
        metrics["acc"].update(logits, batch.labels)
        metrics["f1"].update(logits, batch.labels)
        return logits

    def _log_metrics(self, split: str, prog_bar: bool = False) -> None:
        for name, metric in cast("dict[str, Metric]", self.metrics[f"{split}_metrics"]).items():
            # Computed here, so that the value is the whole split's over all processes.
            self.log(f"{split}_{name}", metric.compute(), prog_bar=prog_bar, rank_zero_only=False)
            metric.reset()

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer(self.model)
        return {"optimizer": optimizer, "lr_scheduler": self.make_schedule(optimizer)}

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        # Lightning refuses to clip for a fused optimizer under mixed precision, although gradients are
        # unscaled by then on a CPU and under bf16; with a gradient scaler its own path is kept.
        if not gradient_clip_val:
            return
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        if gradient_clip_algorithm == "value":
            torch.nn.utils.clip_grad_value_(self.parameters(), gradient_clip_val)
        elif scaler is None and not _is_fsdp(self.trainer):
            torch.nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        metrics = {
            name: float(value) for name, value in self.trainer.callback_metrics.items() if name.startswith("val_")
        }
        checkpoint["sweepformer"] = {**self.saved, "metrics": metrics}


def _is_fsdp(trainer: pl.Trainer) -> bool:
    return "FSDP" in type(trainer.strategy).__name__
