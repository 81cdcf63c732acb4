"""Data files as bytes: sound ones of every format and for every kind of label, and another reader of the same.

That reader knows less than the program's own, and takes nothing but what is sound beyond doubt.
"""

import csv
import gzip
import io
import json
import random
import re
import sys
from typing import Any

FORMATS = ("csv", "tsv", "jsonl", "parquet", "conll")
Row = dict[str, Any]  # text and label; for tags lists of both
Read = tuple[str, str, Any]  # a row's id, its text and its label


def written(rows: list[Row], form: str, chance: random.Random) -> bytes:
    """Rows in a format; fields beside text and label stand between them at random."""
    if form == "conll":
        sentences = ("".join(f"{word} {tag}\n" for word, tag in zip(*row.values(), strict=True)) for row in rows)
        return "\n".join(sentences).encode()
    names = chance.sample(list(rows[0]), len(rows[0])) if rows else ["text", "label"]
    if form == "parquet":
        import pyarrow
        import pyarrow.parquet

        sink = io.BytesIO()
        columns = {name: [row.get(name) for row in rows] for name in names}
        pyarrow.parquet.write_table(pyarrow.table(columns), sink, row_group_size=chance.choice((7, 1000)))
        return sink.getvalue()
    if form == "jsonl":
        ascii_only = chance.random() < 0.5
        lines = (json.dumps(row, ensure_ascii=ascii_only) for row in rows)
        return ("\n".join(lines) + "\n").encode(errors="surrogatepass")
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter="\t" if form == "tsv" else ",", lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        cells = (row.get(name) for name in names)
        writer.writerow([",".join(cell) if isinstance(cell, list) else cell for cell in cells])
    return text.getvalue().encode(errors="surrogatepass")


def simply_read(content: bytes, name: str, labelled: str) -> list[Read]:
    """The rows of a file.

    Raises:
        ValueError: some row is not sound beyond doubt; or whatever another library makes of it.
    """
    if name.endswith(".gz"):
        content = gzip.decompress(content)
    form = name.removesuffix(".gz").rpartition(".")[2]
    if form == "conll":
        return _read_conll(content.decode("utf-8-sig"))
    rows = _read_table(content, form)
    return [
        (str(number), _text(row, labelled), None if labelled == "nothing" else label_of(row["label"], labelled))
        for number, row in enumerate(rows, 1)
    ]


def _read_table(content: bytes, form: str) -> list[Row]:
    if form == "parquet":
        import pyarrow.parquet

        return pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    csv.field_size_limit(sys.maxsize)
    text = content.decode("utf-8-sig")
    if form == "jsonl":
        return [json.loads(line) for line in re.split("\r\n|\r|\n", text) if line.strip()]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if form == "tsv" else ",", strict=True)
    header, *rows = (cells for cells in reader if cells)
    return [dict(zip(header, row, strict=True)) for row in rows]


def _read_conll(text: str) -> list[Read]:
    rows: list[Read] = []
    words: list[list[str]] = []
    first = 0
    for number, line in enumerate([*re.split("\r\n|\r|\n", text), ""], 1):
        cells = re.split("[ \t]+", line.strip(" \t"))
        if line.startswith(("#", "-DOCSTART-")):
            raise ValueError("a comment, or a word: only the program knows")
        if cells != [""]:
            first = first if words else number
            words.append(cells)
        elif words:
            if len({len(word) for word in words}) > 1:
                raise ValueError("words of several widths")
            rows.append((str(first), "\x1f".join(word[0] for word in words), [word[-1] for word in words]))
            words = []
    return rows


def _text(row: Row, labelled: str) -> str:
    text = row["text"]
    if labelled == "tags":
        if not isinstance(text, list) or not text:
            raise ValueError("no words")
        return "\x1f".join(word.replace("\x1f", " ") for word in text)
    if not isinstance(text, str) or not text.strip():
        raise ValueError("no text")
    return text


def label_of(value: Any, labelled: str) -> Any:
    """A label as the store holds it.

    Raises:
        ValueError, TypeError: it is none.
    """
    if labelled == "number":
        return float(value)
    if labelled == "classes":
        parts = value.split(",") if isinstance(value, str) else value or []
        return sorted({_class(part) for part in parts if not isinstance(part, str) or part.strip()})
    return [_class(tag) for tag in value] if labelled == "tags" else _class(value)


def _class(value: Any) -> str:
    if value is None or value != value or isinstance(value, dict | list) or not str(value).strip():
        raise ValueError("no label")
    label = str(value).strip()
    return label.lower() if label in ("True", "TRUE", "False", "FALSE") else re.sub(r"^([+-]?\d+)\.0+$", r"\1", label)
