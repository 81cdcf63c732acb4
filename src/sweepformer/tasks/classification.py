"""One class a row."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchmetrics import MeanMetric, Metric
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from sweepformer.data.batches import Batch
from sweepformer.tasks.kinds import KINDS
from sweepformer.tasks.task import Learned, Targets, Task


class Classification(Task):
    """Trains a model to name the class of a row; logits are (batch, classes).

    Args:
        targets: labels are class numbers, (rows,) int64.
        label_smoothing: share of the target that is spread over all classes (Szegedy et al. 2016).
        class_weights: "none", or "balanced": weights inverse to the classes' frequency.
        **parts: as `Task`.
    """

    kind = KINDS["Classification"]

    def __init__(
        self, targets: Targets, label_smoothing: float = 0.0, class_weights: str = "none", **parts: Any
    ) -> None:
        super().__init__(targets=targets, **parts)
        self.label_smoothing = label_smoothing
        counts = torch.bincount(torch.from_numpy(targets.labels), minlength=len(targets.classes)).float()
        weights = counts.sum() / (len(counts) * counts.clamp(min=1)) if class_weights == "balanced" else None
        self.class_weights: Tensor | None
        self.register_buffer("class_weights", weights, persistent=False)

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
        logits = self(batch.token_ids, batch.layout)
        loss = cross_entropy(
            logits, batch.labels, self.class_weights, label_smoothing=self.label_smoothing, reduction="sum"
        )
        return Learned(loss, len(batch.labels), (logits.detach().argmax(1) == batch.labels).sum())

    @staticmethod
    def measure(metrics: dict[str, Metric], logits: Tensor, labels: Tensor) -> None:
        loss = cross_entropy(logits, labels)  # unweighted and unsmoothed: comparable across runs
        metrics["loss"].update(loss, weight=len(labels))
        metrics["acc"].update(logits, labels)
        metrics["f1"].update(logits, labels)

    @staticmethod
    def answer(logits: Tensor, labels: Tensor) -> dict[str, Tensor | list[Any]]:
        return {"labels": labels, "probabilities": logits.softmax(1)}

    @staticmethod
    def prediction_columns(kept: dict[str, Any], classes: list[str]) -> dict[str, Any]:
        """label, prediction (strings) and `probability_<class>` (float32) for every class."""
        probabilities = kept["probabilities"]
        columns = {
            "label": [classes[label] for label in kept["labels"]],
            "prediction": [classes[best] for best in probabilities.argmax(1)],
        }
        for number, name in enumerate(classes):
            columns[f"probability_{name}"] = probabilities[:, number]
        return columns

    @staticmethod
    def confusion(kept: dict[str, Any]) -> tuple[np.ndarray, np.ndarray] | None:
        return kept["labels"], kept["probabilities"].argmax(1)
