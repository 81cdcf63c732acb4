"""The test split's predictions, as a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from sweepformer.reports.predictions import write_predictions


class PredictionWriter(Callback):
    """Collects what `test_step` returns and writes `predictions.parquet` when the test is over.

    Columns: id, label, prediction (strings) and `probability_<class>` (float32) for every class, in the order
    of the test file. Under several processes the first one writes for all. `labels` and `predictions` keep the
    class numbers, (rows,) int64, for those who come after.
    """

    def __init__(self, path: Path, ids: Sequence[str], classes: list[str]) -> None:
        self.path, self.ids, self.classes = path, ids, classes
        self._parts: list[dict[str, torch.Tensor]] = []
        self.labels: np.ndarray | None = None
        self.predictions: np.ndarray = np.empty(0, dtype=np.int64)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._parts = []

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._parts.append({name: value.cpu() for name, value in outputs.items()})

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        parts = self._parts
        if trainer.world_size > 1:
            everyones: list[Any] = [None] * trainer.world_size
            torch.distributed.all_gather_object(everyones, parts)
            parts = [part for one in everyones for part in one]
        if trainer.is_global_zero and parts:
            self._write({name: torch.cat([part[name] for part in parts]) for name in parts[0]})

    def _write(self, found: dict[str, torch.Tensor]) -> None:
        order = torch.argsort(found["rows"])
        probabilities = found["probabilities"][order].numpy()
        self.labels, self.predictions = found["labels"][order].numpy(), probabilities.argmax(1)
        ids = [self.ids[row] for row in found["rows"][order].tolist()]
        write_predictions(self.path, ids, self.classes, self.labels, probabilities)
