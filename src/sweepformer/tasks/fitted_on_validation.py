"""Tasks whose answers need something that is fitted on the whole validation split, after the weights."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import CatMetric

from sweepformer.data.batches import Batch
from sweepformer.tasks.task import Task


class FittedOnValidation(Task):
    """At the end of every validation `logits_from` and `choose` are called with all its rows; then they are measured.

    What is chosen lies in buffers: so each checkpoint has what belongs to its weights.
    """

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        # Of the whole split, over all processes: what is fitted can't be summed up from parts.
        self.val_said, self.val_labels = CatMetric(nan_strategy="disable"), CatMetric(nan_strategy="disable")
        self._labels_are = torch.int64  # the metric makes floats of them

    def evaluate(self, split: str, batch: Batch) -> Tensor:
        if split != "val":
            return super().evaluate(split, batch)
        said = torch.cat(self.in_parts(self.said_of, batch)).float()
        self.val_said.update(said)
        self.val_labels.update(batch.labels)
        self._labels_are = batch.labels.dtype
        return said

    def said_of(self, batch: Batch) -> Tensor:
        """What validation keeps of each row of a batch, (batch, ...) float: all that `logits_from` goes by."""
        return self.logits_of(batch)

    def logits_from(self, said: Tensor, labels: Tensor) -> Tensor:
        """The logits of all validation rows, where it is fitted here what the model makes them of."""
        return said

    def on_validation_epoch_end(self) -> None:
        said, labels = self.val_said.compute(), self.val_labels.compute().to(self._labels_are)
        self.val_said.reset()
        self.val_labels.reset()
        logits = self.logits_from(said, labels)
        self.choose(logits, labels)
        # Every process measures all rows: these metrics are shares, which counting all of them twice leaves alone.
        self.measure(self._metrics_of("val"), logits, labels)
        super().on_validation_epoch_end()
