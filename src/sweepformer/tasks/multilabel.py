"""Any number of labels a row."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torchmetrics import MeanMetric, Metric
from torchmetrics.classification import MultilabelExactMatch, MultilabelF1Score

from sweepformer.config.kinds import KINDS
from sweepformer.data.batches import Batch
from sweepformer.tasks.answers import Kept, SetAnswers
from sweepformer.tasks.fitted_on_validation import UNDECIDED, FittedOnValidation, best_thresholds
from sweepformer.tasks.task import Learned, Targets


class Multilabel(FittedOnValidation):
    """Trains a model to say of each label whether a row has it; logits are (batch, labels), one yes or no each.

    The loss is the binary cross-entropy, averaged over a row's labels. A label is given to a row from a probability
    on that is the label's own: where that lies is fitted at the end of every validation, on all of its rows, and
    saved with the weights.

    Args:
        targets: labels are (rows, labels) bool.
        thresholds: "fitted": of each label for its highest F1 on validation (see `best_thresholds`); or a number, the
            same for all.
    """

    kind = KINDS["Multilabel"]
    thresholds: Tensor

    def __init__(self, targets: Targets, thresholds: str = "fitted", **parts: Any) -> None:
        super().__init__(targets=targets, **parts)
        self.fits_thresholds = thresholds == "fitted"
        fixed = UNDECIDED if self.fits_thresholds else float(thresholds)
        self.register_buffer("thresholds", torch.full((len(targets.classes),), fixed))

    @staticmethod
    def metrics(classes: list[str]) -> nn.ModuleDict:
        exact = MultilabelExactMatch(len(classes), validate_args=False)
        macro, micro = (MultilabelF1Score(len(classes), average=one, validate_args=False) for one in ("macro", "micro"))
        return nn.ModuleDict({"loss": MeanMetric(), "acc": exact, "f1": macro, "f1_micro": micro})

    @property
    def answers(self) -> SetAnswers:
        return SetAnswers(self.thresholds)

    def learn(self, batch: Batch) -> Learned:
        logits = self.logits_of(batch)
        loss = binary_cross_entropy_with_logits(logits.float(), batch.labels.float(), reduction="sum")
        right = (self.answers.given(logits.detach().float()) == batch.labels).all(1).sum()
        return Learned(loss / batch.labels.shape[1], len(batch.labels), right)

    def choose(self, logits: Tensor, labels: Tensor) -> None:
        if self.fits_thresholds:
            found = best_thresholds(logits.sigmoid().cpu().numpy(), labels.cpu().numpy())
            self.thresholds.copy_(torch.from_numpy(found))

    def measure(self, metrics: dict[str, Metric], logits: Tensor, labels: Tensor) -> None:
        metrics["loss"].update(binary_cross_entropy_with_logits(logits, labels.float()), weight=len(labels))
        given = self.answers.given(logits).long()
        for name in ("acc", "f1", "f1_micro"):
            metrics[name].update(given, labels)

    def pictures(self, kept: Kept, classes: list[str]) -> dict[str, np.ndarray]:
        from sweepformer.tasks.figures import class_figure

        return {"precision_and_recall": class_figure(kept["labels"], kept["given"], classes)}
