"""The test split's predictions, as a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sweepformer.run_directory import replace_file


def write_predictions(
    path: Path, ids: Sequence[str], classes: list[str], labels: np.ndarray, probabilities: np.ndarray
) -> None:
    """A Parquet file: id, label, prediction (strings) and `probability_<class>` (float32) for every class.

    Args:
        labels: (rows,) class numbers; probabilities: (rows, classes).
    """
    import pyarrow
    import pyarrow.parquet

    columns: dict[str, Any] = {
        "id": list(ids),
        "label": [classes[label] for label in labels],
        "prediction": [classes[best] for best in probabilities.argmax(1)],
    }
    for number, name in enumerate(classes):
        columns[f"probability_{name}"] = probabilities[:, number].astype(np.float32)
    table = pyarrow.table(columns)
    replace_file(path, lambda temporary: pyarrow.parquet.write_table(table, temporary))
