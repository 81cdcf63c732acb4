"""Records of Parquet files; classes that stand there as numbers become the names that the file has for them."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from sweepformer.data.reading.form import Form
from sweepformer.data.reading.opening import STANDARD_INPUT, Opened
from sweepformer.data.reading.table import Nested, Record, Table, dotted_names
from sweepformer.errors import UserError

ROWS = 10_000  # at a time


class Parquet(Table):
    """Numbers of classes are named as Hugging Face datasets say in the file's metadata."""

    def __init__(self, file: Opened, form: Form) -> None:
        import pyarrow
        import pyarrow.parquet

        super().__init__(file, form)
        if file.packing or file.path == STANDARD_INPUT:
            raise UserError(
                f"{file.name} is Parquet in a pipe or another packing; it packs its columns itself: unpack it first."
            )
        try:
            self.parquet = pyarrow.parquet.ParquetFile(file.path)
        except (pyarrow.ArrowInvalid, OSError) as error:
            raise UserError(f"{file.name} is not a Parquet file, or damaged ({str(error).splitlines()[0]}).") from error
        schema = self.parquet.schema_arrow
        self.header = list(schema.names)
        empty = {name: _empty(schema.field(number).type) for number, name in enumerate(schema.names)}
        self.columns = list(dotted_names(empty))
        self.named = _named_columns(schema.metadata or {})

    def records(self) -> Iterator[Record]:
        number = 0
        for batch in self.batches(ROWS):
            for record in self.as_records(batch):
                number += 1
                yield Record(f"row {number}", record)

    def batches(self, size: int) -> Iterator[Any]:
        """The file's record batches, of up to `size` rows."""
        import pyarrow

        number = 0
        try:
            for batch in self.parquet.iter_batches(batch_size=size):
                yield batch
                number += len(batch)
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            raise UserError(f"{self.file.name} is damaged after row {number} ({error}).") from error

    def as_records(self, batch: Any, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """The rows of a batch. columns: those that are needed, as `self.columns` has them; None: all."""
        if columns is not None:
            roots = {name if name in self.header else name.split(".")[0] for name in columns}
            batch = batch.select([name for name in self.header if name in roots])
        try:
            records: list[dict[str, Any]] = [Nested(record) for record in batch.to_pylist()]
        except UnicodeDecodeError as error:
            raise UserError(f"{self.file.name} is damaged: it holds text that is not UTF-8 ({error}).") from error
        for name, name_of in self.named.items():
            for record in records:
                if name in record:
                    record[name] = name_of(record[name])
        return records


def _empty(kind: Any) -> Any:
    """What stands for a type where only the names inside it matter."""
    import pyarrow

    if not pyarrow.types.is_struct(kind):
        return None
    return {kind.field(number).name: _empty(kind.field(number).type) for number in range(kind.num_fields)}


def _named_columns(metadata: dict[bytes, bytes]) -> dict[str, Callable[[Any], Any]]:
    """What makes names of numbers, by column."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    found: dict[str, Callable[[Any], Any]] = {}
    for column, feature in features.items():
        inner = feature.get("feature", feature) if isinstance(feature, dict) else feature
        inner = inner[0] if isinstance(inner, list) and inner else inner
        if isinstance(inner, dict) and inner.get("_type") == "ClassLabel" and inner.get("names"):
            found[column] = partial(named, names=inner["names"])
    return found


def named(label: Any, names: Sequence[str]) -> Any:
    """A class number, or a list of them, as names; -1, which hides a label, is none."""
    if isinstance(label, list):
        return [named(one, names) for one in label]
    if not isinstance(label, int) or not 0 <= label < len(names):
        return None if label in (None, -1) else label
    return names[label]
