"""A user's own files."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sweepformer.config.kinds import LabelKind
from sweepformer.data.cells import Transform
from sweepformer.data.reading.any_file import open_table
from sweepformer.data.reading.form import FASTA, FASTTEXT, LINES, Asked
from sweepformer.data.reading.lines import ID, LABEL, TEXT
from sweepformer.data.reading.table import Broken, Record, Table
from sweepformer.data.rows import RawSplits, Rows
from sweepformer.data.sources.records import Columns, advice_for, collect, several
from sweepformer.errors import UserError, listed


class Files:
    """Rows of tables: CSV and its relatives, JSON, Parquet, Excel, lines with fastText's labels, FASTA; or lines of
    texts alone. What a file is, is seen from it, packed or not (.gz, .bz2, .xz, .zst, .zip).

    Args:
        train_file, val_file, test_file: paths; a missing split is cut from train.
        unlabelled_file: path of further texts, which are read if the task learns from texts alone.
        label_file: of FASTA, a table with the columns `id` and `label_column`, where labels don't stand in its headers.
        text_column, label_column: where the text and its label stand, a name, a number (from 1) or, inside an object,
            names with dots; of several label columns each is a class, and holds 0 or 1.
        pair_column: where a second text stands; None: rows have one.
        label_separator: what stands between the classes of a row where there may be several; lists need none.
        group_column: rows with the same value here stay in one split.
        sentence_column: of tags, where a row is a word: what the words of a sentence share, in each row or the first.
        format, encoding, separator, quoting, header: as `Asked`, of all files.
        blank: "refuse" rows without text or label, or "drop" them.
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
        label_file: str | None = None,
        text_column: str | int = "text",
        label_column: str | int | Sequence[str | int] = "label",
        pair_column: str | int | None = None,
        label_separator: str = ",",
        group_column: str | int | None = None,
        sentence_column: str | int | None = None,
        format: str | None = None,
        encoding: str | None = None,
        separator: str | None = None,
        quoting: bool | None = None,
        header: bool | None = None,
        blank: str = "refuse",
        transform: Transform | None = None,
        labelled: str = LabelKind.CLASS.value,
        learns_from_texts: bool = False,
        invalid_spans: str = "repair",
    ) -> None:
        self.files = {"train": train_file, "val": val_file, "test": test_file}
        self.files["unlabelled"] = unlabelled_file if learns_from_texts else None
        self.label_file = label_file
        self.columns = Columns(
            str(text_column),
            None if pair_column is None else str(pair_column),
            several(label_column),
            None if group_column is None else str(group_column),
            labelled,
            label_separator,
            invalid_spans,
            blank,
            None if sentence_column is None else str(sentence_column),
        )
        if sentence_column is not None and not self.columns.kind.is_of_words:
            raise UserError(
                f"data.sentence_column={sentence_column}: rows are words where words are tagged, with task=tagging."
            )
        self.asked = Asked(format, encoding, separator, quoting, header)
        self.transform = transform

    def fingerprint(self) -> str:
        """Of the files' contents and the columns."""
        usual = self.asked == Asked()
        digest = hashlib.sha256((repr(self.columns) + ("" if usual else repr(self.asked))).encode())
        for split, name in (self.files | ({"label": self.label_file} if self.label_file else {})).items():
            digest.update(f"|{split}|".encode())
            if name:
                path = Path(name).expanduser()
                self._open(split, name)  # says what is wrong with it before hashing does
                digest.update("".join(path.suffixes).encode())
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def read(self) -> RawSplits:
        train, val, test, unlabelled = (self._read(split, name) for split, name in self.files.items())
        assert train is not None
        return RawSplits(train, val, test, unlabelled)

    def _open(self, split: str, name: str) -> Table:
        path, key = Path(name).expanduser(), f"data.{split}_file"
        if split == "label":
            return open_table(path, key, texts=[ID], label=self._label)
        label = None if split == "unlabelled" or self.columns.kind.is_nothing else self._label
        return open_table(path, key, self.asked, self.columns.texts, label)

    @property
    def _label(self) -> str:
        """The first column of labels."""
        return self.columns.label if isinstance(self.columns.label, str) else self.columns.label[0]

    def _read(self, split: str, name: str | None) -> Rows | None:
        if name is None:
            return None
        table, wanted = self._open(split, name), self.columns
        if split == "unlabelled":
            wanted = replace(wanted, labelled=LabelKind.NOTHING.value, group=None)
        if table.form.format in (LINES, FASTTEXT, FASTA):
            wanted = replace(wanted, text=TEXT, label=LABEL if LABEL in table.columns else wanted.label)
        wanted = wanted.found_in(table.columns)
        wanted.check(table.columns, name, lambda: advice_for(table))
        records = table.records()
        alone = table.form.format == FASTA and wanted.labels and self.label_file is None
        if alone and all(label is None for *_, label in table.first_rows()):
            raise UserError(
                f"data.{split}_file: {name}: its headers have no label behind a |. Give data.label_file, a table of id "
                "and label; task=masked_lm and task=language_modeling need none."
            )
        if self.label_file is not None:
            records = self._labelled(table)
        rows = collect(records, wanted, f"data.{split}_file: {name}", self.transform, str(table.form))
        if not len(rows):
            raise UserError(f"data.{split}_file: {name} holds no row that can be used ({rows.account}).")
        return rows

    def _labelled(self, table: Table) -> Iterator[Record | Broken]:
        """Records with the labels that stand in `label_file`."""
        assert self.label_file is not None
        if table.form.format != FASTA:
            raise UserError("data.label_file: it has the labels of FASTA files; a table has its own label_column.")
        labels = self._open("label", self.label_file)
        for column in (ID, self._label):
            if column not in labels.columns:
                raise UserError(
                    f"data.label_file: {self.label_file} has no column {column!r}. It has: {listed(labels.columns)}."
                )
        known = {one.fields.get(ID): one.fields.get(self._label) for one in labels.records() if isinstance(one, Record)}
        for record in table.records():
            if isinstance(record, Record):
                record.fields[LABEL] = known.get(record.fields[ID])
            yield record
