"""What a run is asked about: whatever it could have been trained on."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from sweepformer.data.cells import is_blank
from sweepformer.data.reading.any_file import open_table
from sweepformer.data.reading.form import BY_ENDING, DELIMITED, LINES, Asked
from sweepformer.data.reading.lines import Lines
from sweepformer.data.reading.opening import STANDARD_INPUT, open_file
from sweepformer.data.reading.table import Broken, Record
from sweepformer.data.reading.table import Table as Read
from sweepformer.data.sources.conll import COLUMNS, ConllLines
from sweepformer.data.sources.folder import Folder
from sweepformer.data.sources.hub import Hub, is_hub_folder
from sweepformer.data.sources.records import Columns, sentences
from sweepformer.errors import UserError
from sweepformer.inference.tables import KEPT, KEY, RecordTable, Table, as_table

CONLL = (".conll", ".conllu", ".iob", ".iob2", ".bio", ".bioes")


@dataclass(frozen=True)
class Way:
    """How a file is read where that isn't seen from it.

    ending: what tells its format (".csv"); None: its name; encoding: None: UTF-8, or what the run was trained on.
    """

    ending: str | None = None
    encoding: str | None = None


def open_input(data: dict[str, Any], columns: Columns, path: Path, way: Way) -> Table:
    """A file, a folder or standard input as a table.

    Args:
        data: of the config of the run that is asked.
        columns: that will be read, as far as it is known.

    Raises:
        UserError: it can't be read.
    """
    tagged = columns.kind.is_of_words
    if path != STANDARD_INPUT and path.is_dir():
        return _folder(data, columns, path, way)
    ending = way.ending or path.suffix.lower()
    if tagged and path != STANDARD_INPUT and (ending in CONLL or (_is_conll(data) and ending not in BY_ENDING)):
        return _conll(data, path, way)
    names = {one.name for one in fields(Asked)}
    asked = Asked() if _is_conll(data) else Asked(**{name: one for name, one in data.items() if name in names})
    if ending in BY_ENDING or path == STANDARD_INPUT:
        asked = replace(asked, format=None)
    read = _file(columns, path, way, asked)
    if isinstance(read, Lines) and read.form.format == LINES:
        read.keep_blank = True  # as rows without an answer: the same lines come out
    if tagged and columns.sentence is not None and columns.sentence in read.columns:
        return RecordTable(
            [columns.text, *columns.labels],
            lambda: sentences(read.records(), columns),
            read.file.name,
            endings=(".jsonl", ".ndjson"),
        )
    return as_table(read)


def _file(columns: Columns, path: Path, way: Way, asked: Asked) -> Read:
    """A file as UTF-8, or as the run was trained on; of a text whose name says nothing its lines, unless it is a table
    with the run's columns."""

    def opened(asked: Asked, label: str | None) -> Read:
        try:
            return open_table(path, KEY, replace(asked, encoding=way.encoding), columns.texts, label, way.ending)
        except UserError:
            if way.encoding or not asked.encoding:
                raise
            return open_table(path, KEY, asked, columns.texts, label, way.ending)

    label = columns.labels[0] if columns.labels else None
    if path == STANDARD_INPUT or way.ending or path.suffix.lower() not in (".txt", ".log"):
        return opened(asked, None if way.ending == ".txt" else label)
    with suppress(UserError):
        table = opened(asked, label)
        if table.form.format != DELIMITED or set(columns.texts) <= set(table.columns):
            return table
    return opened(replace(asked, format=LINES), None)


def _is_conll(data: dict[str, Any]) -> bool:
    return "token_column" in data


def _conll(data: dict[str, Any], path: Path, way: Way) -> Table:
    file = open_file(path, KEY, way.ending)
    of_run = {name: data[name] for name in ("token_column", "tag_column", "separator") if name in data}
    lines = ConllLines.of(**of_run if _is_conll(data) else {}, blank="drop")
    encoding = file.encoding(way.encoding or data.get("encoding"))
    endings = (file.ending or CONLL[0], ".jsonl")

    def records() -> Iterator[Record | Broken]:
        for one in lines.sentences(file, encoding, []):
            if isinstance(one, Record):  # what has no word has no answer, and is written all the same
                kept = [number for number, word in enumerate(one.fields["tokens"]) if not is_blank(word)]
                of_words = {name: [one.fields[name][number] for number in kept] for name in ("tokens", "tags")}
                one = one._replace(fields=one.fields | of_words | {KEPT: kept})
            yield one

    return RecordTable(
        ["tokens", "tags", COLUMNS],
        records,
        file.name,
        endings=endings,
        own_names=("tokens", "tags"),
    )


def _folder(data: dict[str, Any], columns: Columns, path: Path, way: Way) -> Table:
    if "train_split" in data or is_hub_folder(path):
        of_run = {name: data[name] for name in ("name", "test_split", "val_split", "train_split") if name in data}
        label = columns.label if isinstance(columns.label, str) else list(columns.label)
        hub = Hub(str(path), label_column=label, **of_run)
        split, names, records = hub.held_out()
        return RecordTable(names, lambda: records, f"{KEY}: {path}, split {split}")
    folder, texts = Folder(str(path), way.encoding or data.get("encoding")).held_out()
    label = columns.labels[0] if columns.labels else "label"

    def records_of() -> Iterator[Record]:
        for name, identity, where, text in texts:
            yield Record(where, {"id": identity, columns.text: text, label: name})

    return RecordTable(["id", columns.text, label], records_of, f"{KEY}: {folder}")
