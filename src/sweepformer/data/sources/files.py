"""A user's own files."""

import hashlib
from dataclasses import replace
from pathlib import Path

from sweepformer.config.kinds import LabelKind
from sweepformer.data.cells import Transform
from sweepformer.data.rows import RawSplits, Rows
from sweepformer.data.sources.readers import LINE, ending_of, read_records
from sweepformer.data.sources.records import Columns, collect
from sweepformer.errors import UserError


class Files:
    """Rows of CSV, TSV, JSONL or Parquet files (`.gz` too), a text and a label a row; or lines of `.txt`, texts alone.

    Args:
        train_file, val_file, test_file: paths; a missing split is cut from train.
        unlabelled_file: path of further texts, which are read if the task learns from texts alone.
        text_column, label_column: where the text and its label stand.
        pair_column: where a second text stands; None: rows have one.
        label_separator: what stands between the classes of a row where there may be several; lists need none.
        group_column: rows with the same value here stay in one split.
        transform: called on every raw text.
        labelled: what the task needs rows to be labelled with, the name of a `LabelKind`.
        learns_from_texts: whether the task has no use for labels.
        invalid_spans: of tags, "repair" or "refuse".
    """

    def __init__(
        self,
        train_file: str,
        val_file: str | None = None,
        test_file: str | None = None,
        unlabelled_file: str | None = None,
        text_column: str = "text",
        label_column: str = "label",
        pair_column: str | None = None,
        label_separator: str = ",",
        group_column: str | None = None,
        transform: Transform | None = None,
        labelled: str = LabelKind.CLASS.value,
        learns_from_texts: bool = False,
        invalid_spans: str = "repair",
    ) -> None:
        self.files = {"train": train_file, "val": val_file, "test": test_file}
        self.files["unlabelled"] = unlabelled_file if learns_from_texts else None
        self.columns = Columns(
            text_column, pair_column, label_column, group_column, labelled, label_separator, invalid_spans
        )
        self.transform = transform

    def fingerprint(self) -> str:
        """Of the files' contents and the columns."""
        digest = hashlib.sha256(repr(self.columns).encode())
        for split, name in self.files.items():
            digest.update(f"|{split}|".encode())
            if name:
                path = Path(name).expanduser()
                read_records(path, f"data.{split}_file")  # says what is wrong with it before hashing does
                digest.update("".join(path.suffixes).encode())
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def read(self) -> RawSplits:
        train, val, test, unlabelled = (self._read(split, name) for split, name in self.files.items())
        assert train is not None
        return RawSplits(train, val, test, unlabelled)

    def _read(self, split: str, name: str | None) -> Rows | None:
        if name is None:
            return None
        key = f"data.{split}_file"
        path = Path(name).expanduser()
        columns, records = read_records(path, key)
        wanted = self.columns
        if split == "unlabelled":
            wanted = replace(wanted, labelled=LabelKind.NOTHING.value, group=None)
        if ending_of(path) == ".txt":
            wanted = replace(wanted, text=LINE)  # the only one
        wanted.check(columns, name)
        rows = collect(records, wanted, f"{key}: {name}", self.transform)
        if not len(rows):
            raise UserError(f"{key}: {name} holds no row.")
        return rows
