"""`predictions.parquet`, read without its probabilities: a few columns of names or numbers."""

import json
from dataclasses import dataclass

import pyarrow
import pyarrow.parquet

from sweepformer.comparison.runs import Run
from sweepformer.tasks.kinds import Kind, kind_of

FILE = "predictions.parquet"
PROBABILITY = "probability_"


class NoAnswers(Exception):
    """There are no predictions that runs could be compared by; the message says why."""


@dataclass(frozen=True)
class Predictions:
    """What a run said of its test rows.

    table: `id` and a kind's own columns, a chunk each; classes: all that can be predicted, as far as that is known.
    """

    kind: Kind
    table: pyarrow.Table
    classes: list[str]

    @property
    def key(self) -> pyarrow.Table:
        """The columns that are the same in all runs that were tested on the same rows."""
        return self.table.select(["id", "tokens" if self.kind.labels == "nothing" else "label"])

    def column(self, name: str) -> pyarrow.Array:
        return self.table[name].chunk(0)


def read_predictions(run: Run) -> Predictions:
    """A run's predictions.

    Raises:
        NoAnswers: there are none, or they aren't understood.
    """
    kind = kind_of(run.config.get("task", {}))
    if kind is None:
        raise NoAnswers("its task is none that comes with sweepformer, and its answers aren't understood")
    wanted = ["id", *(("loss", "tokens") if kind.labels == "nothing" else ("label", "prediction"))]
    try:
        with pyarrow.parquet.ParquetFile(run.path / FILE) as file:
            names = file.schema_arrow.names
            if missing := [name for name in wanted if name not in names]:
                raise NoAnswers(f"its {FILE} has no column {missing[0]}")
            table = file.read(columns=wanted, use_threads=False)
    except FileNotFoundError:
        raise NoAnswers(f"it has no {FILE}") from None
    except (OSError, pyarrow.ArrowException) as error:
        raise NoAnswers(f"its {FILE} can't be read ({str(error).splitlines()[0]})") from error
    if not table.num_rows:
        raise NoAnswers(f"its {FILE} has no rows")
    return Predictions(kind, table.combine_chunks(), _classes(run, names))


def _classes(run: Run, columns: list[str]) -> list[str]:
    """Those with a column of probabilities; of tags, which have none, what the run wrote down beside."""
    if found := [name.removeprefix(PROBABILITY) for name in columns if name.startswith(PROBABILITY)]:
        return found
    try:
        return [str(name) for name in json.loads((run.path / "labels.json").read_text(encoding="utf-8"))]
    except (OSError, ValueError):
        return []
