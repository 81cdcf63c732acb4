"""The test split's predictions, as a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sweepformer.whole_files import replace_file


def write_predictions(path: Path, ids: Sequence[str], columns: dict[str, Any]) -> None:
    """A Parquet file with a row for each test row: `id`, and a task's own columns (arrays or lists)."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"id": list(ids), **columns})
    replace_file(path, lambda temporary: pyarrow.parquet.write_table(table, temporary))
