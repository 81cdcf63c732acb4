"""One class a row."""

import inspect
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot
from torchmetrics import MeanMetric, Metric
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from sweepformer.data.batches import Batch
from sweepformer.models.mixing import Mixing
from sweepformer.tasks.class_weights import class_weights as weights_of
from sweepformer.tasks.kinds import KINDS
from sweepformer.tasks.losses import class_loss, disagreement
from sweepformer.tasks.task import Learned, Targets, Task


class Classification(Task):
    """Trains a model to name the class of a row; logits are (batch, classes).

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
        self.class_weights: Tensor | None
        self.register_buffer(
            "class_weights", weights_of(class_weights, targets.classes, targets.labels), persistent=False
        )
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

    def answer(self, logits: Tensor, labels: Tensor) -> dict[str, Tensor | list[Any]]:
        return {"labels": labels, "probabilities": logits.softmax(1)}

    def prediction_columns(self, kept: dict[str, Any], classes: list[str]) -> dict[str, Any]:
        """label, prediction (strings) and `probability_<class>` (float32) for every class."""
        probabilities = kept["probabilities"]
        columns = {
            "label": [classes[label] for label in kept["labels"]],
            "prediction": [classes[best] for best in probabilities.argmax(1)],
        }
        for number, name in enumerate(classes):
            columns[f"probability_{name}"] = probabilities[:, number]
        return columns

    def confusion(self, kept: dict[str, Any]) -> tuple[np.ndarray, np.ndarray] | None:
        return kept["labels"], kept["probabilities"].argmax(1)
