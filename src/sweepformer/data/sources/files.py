"""A user's own files."""

import difflib
import hashlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from sweepformer.data.columns import StringsWriter
from sweepformer.data.rows import RawSplits, Rows
from sweepformer.data.sources.readers import Record, read_records
from sweepformer.errors import UserError

Transform = Callable[[str], str]


class Files:
    """Rows of CSV, TSV, JSONL or Parquet files (`.gz` too), a text and a label a row.

    Args:
        train_file, val_file, test_file: paths; a missing split is cut from train.
        text_column, label_column: where the text and its class stand; labels may be words or numbers.
        group_column: rows with the same value here stay in one split.
        transform: called on every raw text.
    """

    def __init__(
        self,
        train_file: str,
        val_file: str | None = None,
        test_file: str | None = None,
        text_column: str = "text",
        label_column: str = "label",
        group_column: str | None = None,
        transform: Transform | None = None,
    ) -> None:
        self.files = {"train": train_file, "val": val_file, "test": test_file}
        self.columns = {"text": text_column, "label": label_column, "group": group_column}
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
        train = self._read("train", self.files["train"])
        assert train is not None
        return RawSplits(train, self._read("val", self.files["val"]), self._read("test", self.files["test"]))

    def _read(self, split: str, name: str | None) -> Rows | None:
        if name is None:
            return None
        key = f"data.{split}_file"
        columns, records = read_records(Path(name).expanduser(), key)
        for role, column in self.columns.items():
            if column is not None and column not in columns:
                near = difflib.get_close_matches(column, columns, n=1)
                hint = f" Did you mean data.{role}_column={near[0]}?" if near else ""
                raise UserError(
                    f"data.{role}_column={column}: {name} has no such column. It has: {', '.join(columns)}.{hint}"
                )
        rows = collect(records, self.columns, f"{key}: {name}", self.transform)
        if not len(rows):
            raise UserError(f"{key}: {name} has a header and no row.")
        return rows


def collect(
    records: Iterable[Record], columns: dict[str, str | None], origin: str, transform: Transform | None
) -> Rows:
    """Rows from records, each checked: a text that can be used and a label."""
    texts, ids = StringsWriter(), StringsWriter()
    labels, groups = [], []  # of few kinds: interned, each kind is in memory once
    shown = tqdm(records, f"reading {origin}", unit=" rows", delay=2, leave=False, disable=None)
    for number, (where, record) in enumerate(shown, 1):
        texts.append(checked_text(record.get(columns["text"] or ""), f"{origin}, {where}", columns["text"], transform))
        labels.append(sys.intern(_label(record.get(columns["label"] or ""), f"{origin}, {where}", columns["label"])))
        if columns["group"] is not None:
            groups.append(sys.intern(_group(record.get(columns["group"]), f"{origin}, {where}", columns["group"])))
        ids.append(str(number))
    return Rows(texts.finish(), labels, ids.finish(), groups if columns["group"] is not None else None, origin)


def checked_text(value: Any, where: str, column: str | None, transform: Transform | None) -> str:
    """The text as it is trained on; an error names the row."""
    if value is None or (isinstance(value, str) and not value.strip()):
        raise UserError(f"{where}: there is no text in column {column!r}. Fill it in or remove the row.")
    if not isinstance(value, str):
        raise UserError(f"{where}: column {column!r} holds {type(value).__name__} {value!r:.60}, not text.")
    if transform is not None:
        value = transform(value)
        if not isinstance(value, str) or not value.strip():
            raise UserError(f"{where}: data.transform made {value!r:.60} of a text; it must return a text.")
    if "\0" in value:
        raise UserError(f"{where}: the text holds a NUL byte: this is not a text file, or damaged.")
    return _writable(value, f"{where}: the text")


def _label(value: Any, where: str, column: str | None) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict | list):
        raise UserError(f"{where}: column {column!r} holds {value!r:.60}; a label is one word or number.")
    label = "" if value is None or value != value else str(value).strip()
    if not label:
        raise UserError(f"{where}: there is no label in column {column!r}. Fill it in or remove the row.")
    return _writable(label, f"{where}: the label")


def _group(value: Any, where: str, column: str) -> str:
    if value is None or value != value or not str(value).strip():
        raise UserError(f"{where}: there is no group in column {column!r}. Fill it in or remove the row.")
    return _writable(str(value), f"{where}: the group")


def _writable(text: str, what: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(f"{what} holds half of a surrogate pair, which is no character.") from None
    return text
