"""The rows of predictions.parquet are the split's rows, whatever the order they were answered in."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet
import torch

from sweepformer.training.callbacks.predictions import PredictionWriter


class Echo:
    """A task whose answers are its rows' numbers."""

    def prediction_columns(self, kept: dict[str, Any], classes: list[str]) -> dict[str, Any]:
        return {"tens": kept["tens"], "words": kept["words"]}


def test_every_answer_stands_by_its_own_row(tmp_path: Path) -> None:
    rows_of_split = SimpleNamespace(ids=["a", "b", "c", "d"], tagged=False)
    writer: Any = PredictionWriter(tmp_path / "predictions.parquet", rows_of_split, [])  # type: ignore[arg-type]
    trainer = SimpleNamespace(world_size=1, is_global_zero=True)
    writer.on_test_start(trainer, Echo())
    for rows in ([3, 0, 1], [2]):
        answers = {"rows": torch.tensor(rows), "tens": 10 * torch.tensor(rows), "words": [f"row {row}" for row in rows]}
        writer.on_test_batch_end(trainer, Echo(), answers, None, 0)
    writer.on_test_end(trainer, Echo())
    table = pyarrow.parquet.read_table(tmp_path / "predictions.parquet").to_pydict()
    assert table == {
        "id": ["a", "b", "c", "d"],
        "tens": [0, 10, 20, 30],
        "words": ["row 0", "row 1", "row 2", "row 3"],
    }
