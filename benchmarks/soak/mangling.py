"""Data files that are not as they should be: rows first, then bytes."""

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.soak.data_files import FORMATS, Row, written
from benchmarks.soak.odd_texts import text

CLASSES = ("red", "green", "blue", "\U0001f600 smile", "שלום", "$x$")
LABELLED = {"csv": ("class", "classes", "number", "nothing"), "conll": ("tags",)}
LABELLED |= {"tsv": ("class",), "jsonl": ("class", "classes", "number", "tags", "nothing")}
LABELLED |= {"parquet": ("class", "classes", "number", "tags")}
LONG = 10_000_000  # characters of a line that is very long


@dataclass(frozen=True)
class Mangled:
    """A file. name: with the ending that tells its format; content: None if it is a folder; done: what was done."""

    name: str
    content: bytes | None
    labelled: str
    done: tuple[str, ...]


def draw(seed: int, number: int) -> Mangled:
    """The file of that number; about one in ten is sound."""
    chance = random.Random(f"{seed} file {number}")
    form = chance.choice(FORMATS)
    labelled = chance.choice(LABELLED[form])
    rows = [sound_row(chance, number, labelled) for number in range(chance.randint(24, 60))]
    done = []
    if chance.random() < 0.5:
        way = chance.choice(list(ROWS))
        changed = ROWS[way](rows, chance)
        done.append(way)
    else:
        changed = rows
    try:
        content = written(changed, form, chance)
    except Exception:  # the format has no room for it
        content, done = written(rows, form, chance), []
    name = f"rows.{form}"
    for _ in range(chance.choice((0, 0, 1, 1, 1, 2)) if done else chance.choice((0, 1, 1, 1, 2))):
        way = chance.choice(list(BYTES))
        content = BYTES[way](content, chance)
        done.append(way)
    if chance.random() < 0.08:
        way = chance.choice(("gzipped", "gzip that is none", "gzipped unsaid", "gzip cut short", "folder"))
        done.append(way)
        if way == "folder":
            return Mangled(name, None, labelled, tuple(done))
        if way != "gzip that is none":
            content = gzip.compress(content, 1)
        if way == "gzip cut short":
            content = content[: chance.randrange(len(content))]
        name += "" if way == "gzipped unsaid" else ".gz"
    return Mangled(name, content, labelled, tuple(done))


def sound_row(chance: random.Random, number: int, labelled: str) -> Row:
    """A text and its label."""
    if labelled == "tags":
        words = [word for word in text(chance).split() if not word.startswith(("#", "-DOCSTART-"))] or ["word"]
        return {"text": words, "label": [chance.choice(("DET", "NOUN", "VERB")) for _ in words]}
    drawn = text(chance)
    label: object = CLASSES[number % len(CLASSES)] if number % 2 else chance.choice(CLASSES[:3])
    if labelled == "classes":
        label = [one for one in CLASSES[:3] if chance.random() < 0.5]
    elif labelled == "number":
        label = round(chance.gauss(0, 100), 3)
    return {"text": drawn, "label": label}


Rows = Callable[[list[Row], random.Random], list[Row]]


def _some(change: Callable[[Row, random.Random], Row], share: float = 0.2) -> Rows:
    return lambda rows, chance: [change(row, chance) if chance.random() < share else row for row in rows]


def _all(change: Callable[[Row, random.Random], Row]) -> Rows:
    return _some(change, share=1)


def _of_column(change: Callable[[object, random.Random], object], column: str) -> Callable[[Row, random.Random], Row]:
    return lambda row, chance: {**row, column: change(row[column], chance)}


def _anything(value: object, chance: random.Random) -> object:
    return chance.choice((None, "", " ", 0, -1, 2.5, float("nan"), float("inf"), True, [], [1], ["a", None], {"a": 1}))


def _odder(value: object, chance: random.Random) -> object:
    odd = chance.choice(("\ud800", "a\0b", "\udfff\ud800 x", "x" * 70_000, "\x00", "\n", "\u2028"))
    return [odd, *value[1:]] if isinstance(value, list) else f"{value}{odd}"


ROWS: dict[str, Rows] = {
    "no row": lambda rows, chance: [],
    "one row": lambda rows, chance: rows[:1],
    "two rows": lambda rows, chance: rows[:2],
    "five rows": lambda rows, chance: rows[:5],
    "one label": _all(lambda row, chance: {**row, "label": row["label"] and type(row["label"])(_one(row["label"]))}),
    "all the same": lambda rows, chance: rows[:1] * len(rows),
    "many twice": lambda rows, chance: [chance.choice(rows) for _ in range(3 * len(rows))],
    "labels that contradict": lambda rows, chance: rows + [{**row, "label": rows[0]["label"]} for row in rows],
    "a rare label": lambda rows, chance: [{**rows[0], "label": _rare(rows[0]["label"])}, *rows[1:]],
    "no text column": _all(lambda row, chance: {"label": row["label"]}),
    "no label column": _all(lambda row, chance: {"text": row["text"]}),
    "other names": _all(lambda row, chance: {"Text": row["text"], "LABEL": row["label"]}),
    "more columns": _all(lambda row, chance: {**row, "id": chance.random(), "": "x", "é": None}),
    "labels missing": _some(lambda row, chance: {**row, "label": None}),
    "texts missing": _some(lambda row, chance: {**row, "text": None}, 0.05),
    "other labels": _some(_of_column(_anything, "label")),
    "other labels everywhere": _all(_of_column(_anything, "label")),
    "other texts": _some(_of_column(_anything, "text"), 0.05),
    "odder texts": _some(_of_column(_odder, "text"), 0.05),
    "odder labels": _some(_of_column(_odder, "label"), 0.05),
    "numbers for labels": _all(lambda row, chance: {**row, "label": chance.randrange(3)}),
    "texts of nothing": _all(lambda row, chance: {**row, "text": chance.choice(("\u200b", "\u00ad", ".", "\u0301"))}),
    "labels for texts": _all(lambda row, chance: {"text": row["label"], "label": row["text"]}),
    "fields missing": _some(lambda row, chance: {"text": row["text"]}, 0.05),
    "one very long line": lambda rows, chance: [{**rows[0], "text": _long(rows[0]["text"], chance)}, *rows[1:]],
}


def _one(label: object) -> object:
    return ["same" for _ in label] if isinstance(label, list) else 7 if isinstance(label, float) else "same"


def _rare(label: object) -> object:
    return ["rare" for _ in label] if isinstance(label, list) else 1e9 if isinstance(label, float) else "rare"


def _long(value: object, chance: random.Random) -> object:
    length = LONG if chance.random() < 0.2 else 300_000
    piece = chance.choice(("word ", "x", "\U0001f600", "e\u0301 "))
    longer = piece * (length // len(piece))
    return [longer, *value[1:]] if isinstance(value, list) else longer


def _flip(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 3, 30)) if content else 0):
        bit = chance.randrange(8 * len(changed))
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _insert(content: bytes, chance: random.Random) -> bytes:
    junk = chance.choice((b"\0", b'"', b"\n", b"\r", b"\xff\xfe", b"\xed\xa0\x80", b"\x1a", b"{", b"\t", b",", b"\\"))
    junk = chance.randbytes(chance.randint(1, 40)) if chance.random() < 0.3 else junk
    place = chance.randint(0, len(content))
    return content[:place] + junk + content[place:]


def _repeat(content: bytes, chance: random.Random) -> bytes:
    start, end = sorted(chance.randint(0, len(content)) for _ in range(2))
    return content[:end] + content[start:]


def _one_line_twice(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    lines.insert(chance.randrange(len(lines) + 1), lines[0])
    return b"\n".join(lines)


def _recoded(encoding: str, share: float = 1) -> Callable[[bytes, random.Random], bytes]:
    def recode(content: bytes, chance: random.Random) -> bytes:
        lines = content.split(b"\n")
        changed = (
            line.decode(errors="replace").encode(encoding, errors="replace") if chance.random() < share else line
            for line in lines
        )
        if share == 1:
            return content.decode(errors="replace").encode(encoding, errors="replace")
        return b"\n".join(changed)

    return recode


BYTES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": lambda content, chance: content[: chance.randint(0, len(content))],
    "beginning lost": lambda content, chance: content[chance.randint(0, len(content)) :],
    "end lost": lambda content, chance: content[: -chance.randint(1, 12)],
    "bits flipped": _flip,
    "something put in": _insert,
    "a part twice": _repeat,
    "header in the middle": _one_line_twice,
    "zeros": lambda content, chance: content[: len(content) // 2] + bytes(len(content) // 2),
    "empty": lambda content, chance: b"",
    "one line": lambda content, chance: content.split(b"\n")[0],
    "byte-order mark": lambda content, chance: b"\xef\xbb\xbf" + content,
    "utf-16": _recoded("utf-16"),
    "latin-1": _recoded("latin-1"),
    "mixed encodings": _recoded("cp1252", share=0.3),
    "crlf": lambda content, chance: content.replace(b"\n", b"\r\n"),
    "cr": lambda content, chance: content.replace(b"\n", b"\r"),
    "no end of lines": lambda content, chance: content.replace(b"\n", b" "),
    "blank lines": lambda content, chance: content.replace(b"\n", b"\n\n \n"),
    "semicolons": lambda content, chance: content.replace(b",", b";"),
    "commas for tabs": lambda content, chance: content.replace(b"\t", b","),
    "tabs for spaces": lambda content, chance: content.replace(b" ", b"\t"),
    "no quotes": lambda content, chance: content.replace(b'"', b""),
    "single quotes": lambda content, chance: content.replace(b'"', b"'"),
    "an array": lambda content, chance: b"[" + content.replace(b"\n", b",\n") + b"]",
    "something behind": lambda content, chance: content + chance.randbytes(chance.randint(1, 100)),
}
