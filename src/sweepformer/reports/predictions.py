"""The test split's predictions, as a table."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sweepformer.data.store import TokenizedRows
from sweepformer.data.texts import split_words
from sweepformer.whole_files import replace_file


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
