"""Hugging Face datasets, from the hub or from a local folder."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from sweepformer.config.kinds import LabelKind
from sweepformer.data.cells import Transform
from sweepformer.data.reading.table import Record
from sweepformer.data.rows import RawSplits, Rows
from sweepformer.data.sources.records import Columns, collect, several
from sweepformer.errors import UserError
from sweepformer.screen.command_line import install_line

SAVED = ("dataset_dict.json", "state.json")  # what `save_to_disk` leaves
USUAL_NAMES = {"val": ("validation", "valid", "val", "dev"), "test": ("test",)}


class Hub:
    """A dataset by its name on the hub, a folder made by `save_to_disk`, or a folder of data files.

    Args:
        path, name: as for `datasets.load_dataset`.
        text_column, pair_column, label_column, label_separator, group_column: as for files; class numbers become
            their names.
        train_split, val_split, test_split: names of splits; None: the usual name if there is such a split.
        transform: called on every raw text.
        labelled: what the task needs rows to be labelled with, as in `tasks.kinds.Kind`.
        invalid_spans: of tags, "repair" or "refuse".
    """

    def __init__(
        self,
        path: str,
        name: str | None = None,
        text_column: str = "text",
        label_column: str | Sequence[str] = "label",
        pair_column: str | None = None,
        label_separator: str = ",",
        group_column: str | None = None,
        train_split: str = "train",
        val_split: str | None = None,
        test_split: str | None = None,
        transform: Transform | None = None,
        labelled: str = LabelKind.CLASS.value,
        invalid_spans: str = "repair",
        blank: str = "refuse",
    ) -> None:
        self.path, self.name, self.transform = path, name, transform
        self.columns = Columns(
            text_column,
            pair_column,
            several(label_column),
            group_column,
            labelled,
            label_separator,
            invalid_spans,
            blank,
        )
        self.splits = {"train": train_split, "val": val_split, "test": test_split}

    def fingerprint(self) -> str:
        """Of the columns' contents, as `datasets` fingerprints them, and of what is read from them."""
        parts = {split: self._loaded[split]._fingerprint for split in sorted(self._loaded)}
        if Path(self.path).is_dir():
            files = sorted(path for path in Path(self.path).rglob("*") if path.is_file())
            parts["files"] = str([(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files])
        return repr((parts, self.columns, self.splits))

    def read(self) -> RawSplits:
        return RawSplits(**{split: self._rows(name) for split, name in self.parts().items()})

    def parts(self) -> dict[str, str]:
        """The dataset's name for each split that there is."""
        loaded = self._loaded
        found: dict[str, str] = {}
        for split, wanted in self.splits.items():
            usual = next((name for name in USUAL_NAMES.get(split, ()) if name in loaded), None)
            chosen = wanted or usual
            if chosen is None:
                continue
            if chosen not in loaded:
                raise UserError(
                    f"data.{split}_split={chosen}: {self.path} has no such split. It has: {', '.join(loaded)}."
                )
            found[split] = chosen
        return found

    def columns_of(self, split: str) -> list[str]:
        """The names of a split's columns."""
        return list(self._loaded[split].column_names)

    def held_out(self) -> tuple[str, list[str], Iterator[Record]]:
        """The split that was not trained on, as far as there is one: its name, its columns and records."""
        usual = [self.splits["test"], *USUAL_NAMES["test"], self.splits["val"], *USUAL_NAMES["val"], *self._loaded]
        split = next(name for name in usual if name in self._loaded)
        return split, self.columns_of(split), self.records(split)

    def _rows(self, split: str) -> Rows:
        there = self.columns_of(split)
        wanted = self.columns.found_in(there)
        wanted.check(there, self.path)
        return collect(self.records(split), wanted, f"data.path: {self.path}, split {split}", self.transform)

    def records(self, split: str) -> Iterator[Record]:
        """A split's rows, classes by their names."""
        dataset, column = self._loaded[split], self.columns.label
        feature = dataset.features.get(column)
        names = getattr(feature, "names", None) or getattr(getattr(feature, "feature", None), "names", None)
        for number, record in enumerate(dataset, 1):
            if names is not None:
                where = f"data.path: {self.path}, split {split}, row {number}"
                record = {**record, column: _named(record[column], names, where)}
            yield Record(f"row {number}", record)

    @cached_property
    def _loaded(self) -> Any:
        try:
            import datasets
        except ImportError as error:
            raise UserError(f"data=hub needs the package datasets: {install_line('hub')}") from error
        folder = Path(self.path).expanduser()
        try:
            if any((folder / name).exists() for name in SAVED):
                loaded = datasets.load_from_disk(str(folder))
            else:
                loaded = datasets.load_dataset(str(folder) if folder.exists() else self.path, self.name)
        except Exception as error:  # network, no such name, broken files: one kind of trouble to a user
            reason = next((line for line in str(error).splitlines() if line), type(error).__name__)
            raise UserError(
                f"data.path={self.path} can't be loaded: {reason} "
                "Check the name (or the folder), data.name and the network."
            ) from error
        return loaded if isinstance(loaded, dict) else {"train": loaded}


def _named(label: Any, names: list[str], where: str) -> Any:
    """A class number, or a list of them, as names."""
    if label is None:
        return None
    if isinstance(label, list):
        return [_named(one, names, where) for one in label]
    if not 0 <= label < len(names):
        raise UserError(
            f"{where}: its label {label} is hidden, as in a competition's test split. "
            "Name another split, or remove it with data.test_split."
        )
    return names[label]


def is_hub_folder(folder: Path) -> bool:
    """Whether a folder holds a dataset, rather than texts in folders of classes."""
    inside = list(folder.iterdir())
    return any(one.name in SAVED or one.suffix.lower() in (".parquet", ".arrow") for one in inside) or any(
        one.suffix.lower() == ".parquet" for one in (folder / "data").glob("*")
    )
