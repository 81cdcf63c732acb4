"""The test split's predictions, as a table."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from sweepformer.data.store import TokenizedRows
from sweepformer.data.texts import split_words
from sweepformer.files.atomic import replace_file
from sweepformer.tasks.answers import in_order


def write_predictions(path: Path, rows: TokenizedRows, chosen: Iterable[int], columns: dict[str, Any]) -> None:
    """A Parquet file with a line for each of the chosen test rows.

    `id`, of tagged rows `tokens` (their words), and a task's own columns (arrays or lists).
    """
    import pyarrow
    import pyarrow.parquet

    chosen = list(chosen)
    words = {"tokens": [split_words(rows.texts[row]) for row in chosen]} if rows.tagged else {}
    table = pyarrow.table({"id": [rows.ids[row] for row in chosen], **words, **columns})
    replace_file(path, lambda temporary: pyarrow.parquet.write_table(table, temporary))


class PredictionWriter(Callback):
    """Collects what `test_step` returns and writes `predictions.parquet` when the test is over.

    A task returns `rows`, the batch's numbers in the split, and whatever it keeps of its answers, a tensor or a list
    with an item a row; its `prediction_columns` says what of it is written. Under several processes the first one
    writes for all. `kept` holds all of it as arrays or lists in the split's order, for those who come after.
    """

    def __init__(self, path: Path, test_rows: TokenizedRows, classes: list[str]) -> None:
        self.path, self.test_rows, self.classes = path, test_rows, classes
        self._parts: list[dict[str, Any]] = []
        self.kept: dict[str, Any] | None = None

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._parts = []

    def on_test_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any, **__: Any) -> None:
        self._parts.append({name: one.cpu() if isinstance(one, torch.Tensor) else one for name, one in outputs.items()})

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        parts = self._parts
        if trainer.world_size > 1:
            everyones: list[Any] = [None] * trainer.world_size
            torch.distributed.all_gather_object(everyones, parts)
            parts = [part for one in everyones for part in one]
        columns = getattr(pl_module, "prediction_columns", None)
        if trainer.is_global_zero and parts and columns:
            rows, self.kept = in_order(parts)
            if "labels" in self.kept and not self.test_rows.tagged:
                # As they were given, not as `Task.wanted` makes them for training.
                self.kept["labels"] = self.test_rows.labels[rows]
            write_predictions(self.path, self.test_rows, rows.tolist(), columns(self.kept, self.classes))
