"""One class a row."""

import inspect
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot
from torchmetrics import MeanMetric, Metric
from torchmetrics.classification import MulticlassAccuracy, MulticlassCalibrationError, MulticlassF1Score

from sweepformer.config.kinds import KINDS
from sweepformer.data.batches import Batch
from sweepformer.models.heads import Mixing
from sweepformer.models.torch_internals import not_sent_by_ddp
from sweepformer.models.wide import WidePath
from sweepformer.tasks.answers import ClassAnswers, Kept
from sweepformer.tasks.fitted_on_validation import UNSCALED, FittedOnValidation, best_ensemble_weights, best_temperature
from sweepformer.tasks.logits import row_logits
from sweepformer.tasks.losses import class_loss, disagreement
from sweepformer.tasks.losses import class_weights as weights_of
from sweepformer.tasks.task import Learned, Targets


class Classification(FittedOnValidation):
    """Trains a model to name the class of a row; logits are (batch, classes).

    Probabilities are as large as they are often right: the temperature that logits are divided by for them is fitted
    at the end of every validation, on all of its rows, and saved with the weights. The losses are of plain logits. How
    far a wide path beside the model's encoder counts is fitted just before, alike.

    Args:
        targets: labels are class numbers, (rows,) int64.
        label_smoothing: share of the target that is spread over all classes (Szegedy et al. 2016).
        class_weights: "none", "balanced", or numbers by class; see `class_weights`.
        focal_gamma: exponent of the focal loss (Lin et al. 2017); 0: cross entropy.
        r_drop: weight of the disagreement between two passes with different dropout (Liang et al. 2021, alpha);
            0: one pass. The paper's loss, halved: a step is as long as with one pass.
        mixup: rows are mixed with each other by shares from Beta(mixup, mixup), and their targets alike (Zhang et al.
            2018); 0: they aren't. Vectors of whole rows are what is mixed, which the model must do (Sun et al. 2020).
        **parts: as `Task`.

    Raises:
        ValueError: the model can't mix rows.
    """

    kind = KINDS["Classification"]
    temperature: Tensor

    def __init__(
        self,
        targets: Targets,
        label_smoothing: float = 0.0,
        class_weights: str | dict[str, float] = "none",
        focal_gamma: float = 0.0,
        r_drop: float = 0.0,
        mixup: float = 0.0,
        **parts: Any,
    ) -> None:
        super().__init__(targets=targets, **parts)
        self.classes = len(targets.classes)
        self.label_smoothing, self.focal_gamma, self.r_drop, self.mixup = label_smoothing, focal_gamma, r_drop, mixup
        self.register_buffer("temperature", torch.tensor(UNSCALED))
        self.class_weights: Tensor | None
        self.register_buffer(
            "class_weights", weights_of(class_weights, targets.classes, targets.labels), persistent=False
        )
        if self._wide is not None:
            # Large, and the same in every process: DDP need not send them before each step.
            not_sent_by_ddp(self, (f"model.wide.{name}" for name, _ in self._wide.named_buffers()))
        if mixup and "mixing" not in inspect.signature(self.model.forward).parameters:
            raise ValueError(f"task.mixup={mixup} needs a model that mixes rows, whose forward takes `mixing`")

    @staticmethod
    def metrics(classes: list[str]) -> nn.ModuleDict:
        return nn.ModuleDict(
            {
                "loss": MeanMetric(),
                "acc": MulticlassAccuracy(len(classes), average="micro", validate_args=False),
                "f1": MulticlassF1Score(len(classes), average="macro", validate_args=False),
            }
        )

    @classmethod
    def test_metrics(cls, classes: list[str]) -> nn.ModuleDict:
        """Also the expected calibration error in 15 bins (Guo et al. 2017), with the temperature and without."""
        errors = {name: MulticlassCalibrationError(len(classes), validate_args=False) for name in ("ece", "ece_raw")}
        return nn.ModuleDict({**cls.metrics(classes), **errors})

    def learn(self, batch: Batch) -> Learned:
        mixing = Mixing.drawn(len(batch.labels), self.mixup, batch.labels.device) if self.mixup else None
        targets = batch.labels if mixing is None else mixing.of(one_hot(batch.labels, self.classes).float())
        logits = self._logits(batch, mixing)
        loss = self._loss(logits, targets)
        if self.r_drop:
            again = self._logits(batch, mixing)
            loss = (loss + self._loss(again, targets) + self.r_drop * disagreement(logits, again)) / 2
        wanted = batch.labels if mixing is None else targets.argmax(1)
        return Learned(loss, len(batch.labels), (logits.detach().argmax(1) == wanted).sum())

    def _logits(self, batch: Batch, mixing: Mixing | None) -> Tensor:
        if mixing is None:
            return self.logits_of(batch)
        return self.model(batch.token_ids, batch.layout, mixing=mixing)

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return class_loss(logits, targets, self.class_weights, self.label_smoothing, self.focal_gamma)

    def measure(self, metrics: dict[str, Metric], logits: Tensor, labels: Tensor) -> None:
        loss = cross_entropy(logits, labels)  # unweighted and unsmoothed: comparable across runs
        metrics["loss"].update(loss, weight=len(labels))
        metrics["acc"].update(logits, labels)
        metrics["f1"].update(logits, labels)
        if "ece" in metrics:
            metrics["ece"].update((logits / self.temperature).softmax(1), labels)
            metrics["ece_raw"].update(logits.softmax(1), labels)

    def said_of(self, batch: Batch) -> Tensor:
        if self._wide is None:
            return self.logits_of(batch)
        return row_logits(self.model(batch.token_ids, batch.layout, apart=True), batch)

    def logits_from(self, said: Tensor, labels: Tensor) -> Tensor:
        if self._wide is None:
            return said
        deep, wide = said.chunk(2, dim=1)
        fitted = best_ensemble_weights(deep.cpu().numpy(), wide.cpu().numpy(), labels.cpu().numpy())
        self._wide.ensemble_weights.copy_(torch.tensor(fitted))
        return self._wide.pooled(deep, wide)

    def choose(self, logits: Tensor, labels: Tensor) -> None:
        self.temperature.fill_(best_temperature(logits.cpu().numpy(), labels.cpu().numpy()))

    def answer(self, logits: Tensor, labels: Tensor) -> Kept:
        return {"labels": labels, **self._answers.of(logits)}

    def prediction_columns(self, kept: Kept, classes: list[str]) -> dict[str, Any]:
        """label, and as `ClassAnswers`."""
        return {"label": [classes[label] for label in kept["labels"]], **self._answers.columns(kept, classes)}

    def confusion(self, kept: dict[str, Any]) -> tuple[np.ndarray, np.ndarray] | None:
        return kept["labels"], kept["probabilities"].argmax(1)

    @property
    def _wide(self) -> WidePath | None:
        return getattr(self.model, "wide", None)

    @property
    def _answers(self) -> ClassAnswers:
        return ClassAnswers(self.temperature)
