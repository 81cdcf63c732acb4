"""What was named on the command line, as the splits that it makes: files, a folder, a dataset."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from sweepformer.analysis.look.columns import LABELS, TEXTS, Chosen, choose
from sweepformer.data.reading import form
from sweepformer.data.reading.any_file import TEXT_ENDINGS, open_table
from sweepformer.data.reading.delimited import Delimited
from sweepformer.data.reading.opening import STANDARD_INPUT, Opened, open_file
from sweepformer.data.reading.table import Broken, Record, Table
from sweepformer.data.sources.conll import ConllLines
from sweepformer.data.sources.folder import Folder
from sweepformer.data.sources.hub import SAVED, Hub, is_hub_folder
from sweepformer.errors import UserError

KEY = "FILE"  # what messages call what was named
SPLITS = ("train", "val", "test")
NAMED = {"train": "train(ing)?", "val": "val(id(ation)?)?|dev(el)?", "test": "test(ing)?"}
TAGGED = (".conll", ".conllu", ".conll03", ".bio", ".iob", ".iob2", ".ner")
FIRST, LAST = 1000, 50_000  # rows that columns are known by: all of the first so many, and every 25th to this one

Records = Callable[[Chosen], Iterator[Record | Broken]]


@dataclass(frozen=True)
class Part:
    """A split. form: what its file is; records: its rows, once it is known which columns are needed."""

    split: str
    name: str
    form: str
    columns: Sequence[str]
    records: Records

    def sample(self) -> list[Record]:
        """Rows to know its columns by, not of its beginning alone: files are often sorted by label."""
        rows = (one for one in self.records(Chosen("", None, "", [])) if isinstance(one, Record))
        return [one for number, one in enumerate(islice(rows, LAST)) if number < FIRST or not number % 25]


@dataclass(frozen=True)
class Given:
    """All of it. data: which config of the group; keys: what it has to be told besides columns; notes: for the user."""

    data: str
    parts: list[Part]
    keys: Mapping[str, str]
    notes: list[str] = field(default_factory=list)


def given(paths: Sequence[str], asked: form.Asked | None = None, label: str | None = None) -> Given:
    """The splits that paths make.

    Args:
        asked: what is known of the form of files.
        label: the column of labels, where it is known.

    Raises:
        UserError: they can't be read.
    """
    asked = asked or form.Asked()
    if str(STANDARD_INPUT) in paths:
        raise UserError(f"{KEY}: standard input can't be looked at, as it is read once. Name a file.")
    folder = Path(paths[0]).expanduser()
    if folder.is_dir():
        if len(paths) > 1:
            raise UserError(
                f"{KEY}: {folder} is a folder, and {len(paths) - 1} more were named. Name it alone, or files."
            )
        tables = [str(path) for path in _tables_in(folder)]
        if not tables:
            return _hub(folder) if is_hub_folder(folder) else _folder(folder, asked)
        paths = tables
    by_split = _splits(paths)
    keys = {f"data.{split}_file": name for split, name in by_split.items()}
    opened = {split: open_file(Path(name).expanduser(), KEY) for split, name in by_split.items()}
    if all(_is_tagged(file, asked) for file in opened.values()):
        return _conll(opened, keys, asked)
    return _files(opened, keys, asked, label)


def _tables_in(folder: Path) -> list[Path]:
    """The tables in a folder, if it holds a few, as `_splits` takes them."""
    found = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in form.BY_ENDING]
    saved = any((folder / name).exists() for name in SAVED)
    return [] if saved or len(found) > len(SPLITS) else found


def _splits(paths: Sequence[str]) -> dict[str, str]:
    """Which file is which split: by their names, and the others in the order train, validation, test."""
    if len(paths) > len(SPLITS):
        raise UserError(f"{KEY}: {len(paths)} were named, and there are three splits: train, validation and test.")
    named = [_split_of(Path(path).name.lower()) for path in paths]
    known = [split for split in named if split]
    if len(set(known)) < len(known) or (known == named and "train" not in known):
        named = [None] * len(paths)
    order = SPLITS if len(paths) == len(SPLITS) else ("train", "test", "val")
    free = iter([split for split in order if split not in named])
    found = {split or next(free): path for split, path in zip(named, paths, strict=True)}
    return {split: found[split] for split in SPLITS if split in found}


def _split_of(name: str) -> str | None:
    return next((one for one in SPLITS if re.search(rf"(?<![a-z])({NAMED[one]})(?![a-z])", name)), None)


def _files(opened: Mapping[str, Opened], keys: dict[str, str], asked: form.Asked, label: str | None) -> Given:
    notes = []
    guesses = {split: None if _is_binary(file) else file.guess() for split, file in opened.items()}
    if asked.encoding is not None:
        guesses = {}
    if guess := next(filter(None, guesses.values()), None):
        asked = replace(asked, encoding=guess)
        files = ", ".join(str(opened[split].path) for split, one in guesses.items() if one)
        notes.append(f"{files}: not UTF-8, read as {guess}; if letters look wrong, name another with --encoding")
        if others := [str(opened[split].path) for split, one in guesses.items() if not one]:
            notes.append(f"{', '.join(others)}: UTF-8, unlike the rest; data.encoding is of all files: convert one")
    # With a label in question lines that are cut alike are a table, as they are for a run.
    tables = {split: open_table(file.path, KEY, asked, label=label or LABELS[0]) for split, file in opened.items()}
    if asked == form.Asked(encoding=asked.encoding) and not all(map(_is_a_table, tables.values())):
        asked = replace(asked, format=form.LINES)  # that are cut alike by chance
        tables = {split: open_table(file.path, KEY, asked) for split, file in opened.items()}
    if asked.header is None and all(map(_lacks_header, tables.values())):
        asked = replace(asked, header=False)
        notes.append("there seems to be no header: columns are numbered from 1 (--header true, if there is one)")
        tables = {split: open_table(file.path, KEY, asked) for split, file in opened.items()}
    for key, value in (("format", asked.format), ("encoding", asked.encoding), ("separator", asked.separator)):
        keys |= {f"data.{key}": value} if value is not None else {}
    for key, yes in (("quoting", asked.quoting), ("header", asked.header)):
        keys |= {f"data.{key}": str(yes).lower()} if yes is not None else {}
    first = tables["train"]
    if first.form.format == form.DELIMITED and first.file.ending in TEXT_ENDINGS:
        keys["data.format"] = form.DELIMITED
    parts = [
        Part(split, str(opened[split].path), in_full(table.form), table.columns, _rows_of(table))
        for split, table in tables.items()
    ]
    return Given("files", parts, keys, notes)


def _is_binary(file: Opened) -> bool:
    return file.sample.startswith(b"PAR1") or form.BY_ENDING.get(file.ending) in (form.PARQUET, form.SHEET)


def in_full(found: form.Form) -> str:
    """How a file is read, with what goes without saying."""
    encoding = "UTF-8 with a mark" if found.encoding == "utf-8-sig" else found.encoding.upper()
    if found.format in (form.PARQUET, form.SHEET):
        return form.NAMES[found.format]
    if found.format != form.DELIMITED:
        return f"{form.NAMES.get(found.format, found.format.upper())}, {encoding}"
    return ", ".join(
        [
            "TSV" if found.separator == "\t" else "CSV",
            encoding,
            f"separated by {form.SEPARATORS.get(found.separator, repr(found.separator))}",
            "fields may be quoted" if found.quoting else "quotes are part of texts",
            "header" if found.header else "no header",
            *(["sep= line passed over"] if found.mark else []),
        ]
    )


def _rows_of(table: Table) -> Records:
    def records(chosen: Chosen) -> Iterator[Record | Broken]:
        if isinstance(table, Delimited) and isinstance(chosen.label, str):
            table.label = chosen.label  # by which it knows rows that quotes have joined
        return table.records()

    return records


def _is_a_table(table: Table) -> bool:
    """Whether text that is cut alike has something like labels in it; any other table is one."""
    if not isinstance(table, Delimited) or table.file.ending not in TEXT_ENDINGS:
        return True
    try:
        columns = zip(table.columns, zip(*table.first_rows(FIRST), strict=True), strict=True)
        return choose(dict(columns)).label is not None
    except (UserError, ValueError):
        return False


def _lacks_header(table: Table) -> bool:
    if not isinstance(table, Delimited) or len({name.strip().lower() for name in table.header} & {*TEXTS, *LABELS}) > 1:
        return False
    return form.seems_to_lack_header([table.header, *table.first_rows()])


def _is_tagged(file: Opened, asked: form.Asked) -> bool:
    """Whether a file is columns of words and tags, a blank line after each sentence."""
    if file.ending in TAGGED:
        return True
    if file.ending not in TEXT_ENDINGS or asked.format or asked.separator:
        return False
    lines = file.sample[: 1 << 16].decode("utf-8", "ignore").split("\n")[:-1][:500]
    widths = [len(line.split()) for line in lines if line.strip() and not line.startswith(("#", "-DOCSTART-"))]
    blank = sum(not line.strip() for line in lines[1:-1])
    return bool(blank) and len(widths) > 2 * blank and 2 <= widths[0] < 15 and len(set(widths)) == 1


def _conll(opened: Mapping[str, Opened], keys: dict[str, str], asked: form.Asked) -> Given:
    sample = opened["train"].sample[: 1 << 16].decode("utf-8", "ignore")
    is_universal = re.search(r"^1\t[^\t\n]+(\t[^\t\n]*){8}$", sample.replace("\r", ""), re.M) is not None
    columns = {"token_column": 2, "tag_column": 4} if is_universal else {}
    lines = ConllLines.of(**columns, separator=asked.separator, blank="drop")
    keys |= {f"data.{name}": str(number) for name, number in columns.items()}
    keys |= {"data.separator": asked.separator} if asked.separator else {}
    keys |= {"data.encoding": asked.encoding} if asked.encoding else {}

    def part_of(split: str, file: Opened) -> Part:
        encoding = file.encoding(asked.encoding)
        name = f"{'CoNLL-U' if is_universal else 'CoNLL'}, {encoding.upper()}"
        return Part(split, str(file.path), name, ["tokens", "tags"], lambda _: lines.sentences(file, encoding, []))

    parts = [part_of(split, file) for split, file in opened.items()]
    return Given("conll", parts, keys)


def _folder(root: Path, asked: form.Asked) -> Given:
    folder = Folder(str(root), asked.encoding)

    def records_of(path: Path) -> Records:
        def records(_: Chosen) -> Iterator[Record | Broken]:
            for label, identity, _where, text in folder.texts(path):
                yield Record(identity, {"text": text, "label": label})

        return records

    keys = {"data.root": str(root)} | ({"data.encoding": asked.encoding} if asked.encoding else {})
    found = folder.parts().items()
    parts = [
        Part(split, str(path), "a class a folder or file", ["text", "label"], records_of(path)) for split, path in found
    ]
    return Given("folder", parts, keys)


def _hub(folder: Path) -> Given:
    dataset = Hub(str(folder))

    def records_of(name: str) -> Records:
        def records(chosen: Chosen) -> Iterator[Record | Broken]:
            yield from Hub(str(folder), label_column=chosen.label or "").records(name)

        return records

    parts = [
        Part(split, f"{folder}, {name}", "Hugging Face dataset", dataset.columns_of(name), records_of(name))
        for split, name in dataset.parts().items()
    ]
    return Given("hub", parts, {"data.path": str(folder)})
