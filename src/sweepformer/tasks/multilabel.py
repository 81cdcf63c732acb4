"""Any number of labels a row."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torchmetrics import CatMetric, MeanMetric, Metric
from torchmetrics.classification import MultilabelExactMatch, MultilabelF1Score

from sweepformer.data.batches import Batch
from sweepformer.tasks.kinds import KINDS
from sweepformer.tasks.task import Learned, Targets, Task
from sweepformer.tasks.thresholds import UNDECIDED, best_thresholds

FITTED = "fitted"


class Multilabel(Task):
    """Trains a model to say of each label whether a row has it; logits are (batch, labels), one yes or no each.

    The loss is the binary cross-entropy, averaged over a row's labels. A label is given to a row from a probability
    on that is the label's own: where that lies is fitted at the end of every validation, on all of its rows, and
    saved with the weights.

    Args:
        targets: labels are (rows, labels) bool.
        thresholds: "fitted": of each label for its highest F1 on validation (see `best_thresholds`); or a number, the
            same for all.
        **parts: as `Task`.
    """

    kind = KINDS["Multilabel"]
    thresholds: Tensor

    def __init__(self, targets: Targets, thresholds: str = FITTED, **parts: Any) -> None:
        super().__init__(targets=targets, **parts)
        self.fits_thresholds = thresholds == FITTED
        fixed = UNDECIDED if self.fits_thresholds else float(thresholds)
        self.register_buffer("thresholds", torch.full((len(targets.classes),), fixed))
        # Of the whole validation split, over all processes: what follows from thresholds can't be summed up before.
        self.val_logits, self.val_labels = CatMetric(nan_strategy="disable"), CatMetric(nan_strategy="disable")

    @staticmethod
    def metrics(classes: list[str]) -> nn.ModuleDict:
        return nn.ModuleDict(
            {
                "loss": MeanMetric(),
                "acc": MultilabelExactMatch(len(classes), validate_args=False),
                "f1": MultilabelF1Score(len(classes), average="macro", validate_args=False),
                "f1_micro": MultilabelF1Score(len(classes), average="micro", validate_args=False),
            }
        )

    def learn(self, batch: Batch) -> Learned:
        logits = self.logits_of(batch)
        loss = binary_cross_entropy_with_logits(logits.float(), batch.labels.float(), reduction="sum")
        right = (self._given(logits.detach().float()) == batch.labels).all(1).sum()
        return Learned(loss / batch.labels.shape[1], len(batch.labels), right)

    def evaluate(self, split: str, batch: Batch) -> Tensor:
        if split != "val":
            return super().evaluate(split, batch)
        logits = self.logits_of(batch).float()
        self.val_logits.update(logits)
        self.val_labels.update(batch.labels)
        return logits

    def on_validation_epoch_end(self) -> None:
        logits, labels = self.val_logits.compute(), self.val_labels.compute().bool()
        self.val_logits.reset()
        self.val_labels.reset()
        self.choose(logits, labels)
        # Every process measures all rows: these metrics are shares, which counting all of them twice leaves alone.
        self.measure(self._metrics_of("val"), logits, labels)
        super().on_validation_epoch_end()

    def choose(self, logits: Tensor, labels: Tensor) -> None:
        if self.fits_thresholds:
            found = best_thresholds(logits.sigmoid().cpu().numpy(), labels.cpu().numpy())
            self.thresholds.copy_(torch.from_numpy(found))

    def measure(self, metrics: dict[str, Metric], logits: Tensor, labels: Tensor) -> None:
        loss = binary_cross_entropy_with_logits(logits, labels.float())
        metrics["loss"].update(loss, weight=len(labels))
        given = self._given(logits).long()
        for name in ("acc", "f1", "f1_micro"):
            metrics[name].update(given, labels)

    def answer(self, logits: Tensor, labels: Tensor) -> dict[str, Tensor | list[Any]]:
        return {"labels": labels, "given": self._given(logits), "probabilities": logits.sigmoid()}

    def prediction_columns(self, kept: dict[str, Any], classes: list[str]) -> dict[str, Any]:
        """label, prediction (lists of strings) and `probability_<label>` (float32) for every label."""
        names = np.array(classes, dtype=object)
        columns: dict[str, Any] = {
            column: [names[row].tolist() for row in kept[key]]
            for column, key in (("label", "labels"), ("prediction", "given"))
        }
        for number, name in enumerate(classes):
            columns[f"probability_{name}"] = kept["probabilities"][:, number]
        return columns

    def pictures(self, kept: dict[str, Any], classes: list[str]) -> dict[str, np.ndarray]:
        from sweepformer.reports.figures import class_figure

        return {"precision_and_recall": class_figure(kept["labels"], kept["given"], classes)}

    def _given(self, logits: Tensor) -> Tensor:
        """(batch, labels) bool."""
        return logits.sigmoid() >= self.thresholds
