"""Small files of rows for tasks of every kind, each of them learned in seconds, and the overrides that go with them."""

import json
from pathlib import Path

import numpy as np
from conftest import COLOURS, THINGS

SETS = ("task=multilabel", "data.label_separator=';'", "trainer.max_epochs=3", "optimizer.lr=3e-3")
NUMBERS = ("task=regression", "trainer.max_epochs=4", "optimizer.lr=3e-3")


def label_sets(rows: int) -> list[list[str]]:
    """The colours of each row of `write_sets`."""
    random = np.random.default_rng(0)
    return [[colour for colour in COLOURS if random.random() < 0.4] for _ in range(rows)]


def write_sets(path: Path, rows: int = 200) -> Path:
    """Rows that name the colours they are labelled with; JSONL with lists, or CSV with semicolons."""
    sets, lines = label_sets(rows), []
    for number, colours in enumerate(sets):
        one, two = THINGS[number % 10], THINGS[number // 10 % 10]
        text = f"the {one} number {number} is {' and '.join(colours)} near a {two}"
        as_json = json.dumps({"text": text, "label": colours})
        lines.append(as_json if path.suffix == ".jsonl" else f"{text},{';'.join(colours)}")
    path.write_text("\n".join(lines if path.suffix == ".jsonl" else ["text,label", *lines]) + "\n")
    return path


def write_numbers(path: Path, rows: int = 200, unit: float = 10.0, zero: float = 1000.0) -> Path:
    """Rows labelled with how often they say "more", in JSONL."""
    random = np.random.default_rng(0)
    lines = []
    for number in range(rows):
        more = int(random.integers(5))
        words = ["more"] * more + [THINGS[one] for one in random.integers(10, size=6 - more)]
        text = " ".join([*random.permutation(words), str(number)])
        lines.append(json.dumps({"text": text, "label": zero + unit * more}))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_pairs(path: Path, rows: int = 200) -> Path:
    """Two texts a row, which name the same colour or another, in a CSV with columns text, other and label."""
    lines = ["text,other,label"]
    for number in range(rows):
        colour, thing = COLOURS[number // 2 % 3], THINGS[number % 10]
        other = colour if number % 2 else COLOURS[(number // 2 + 1 + number // 6 % 2) % 3]
        lines.append(f"the {thing} {number} is {colour},{other} {thing},{'same' if number % 2 else 'other'}")
    path.write_text("\n".join(lines) + "\n")
    return path
