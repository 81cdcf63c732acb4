"""Rows that small models learn something of."""

import random
from pathlib import Path


def write_rows(path: Path, rows: int = 150) -> Path:
    """A CSV that a small model learns something of, but not all."""
    chance = random.Random(0)
    things = ["apple", "house", "river", "train", "cloud", "stone", "candle", "garden", "letter", "window"]
    lines = ["text,label"]
    for number in range(rows):
        words = [chance.choice(things) for _ in range(chance.randint(3, 12))]
        label = ("red", "green", "blue")[number % 3] if number % 5 else chance.choice(("red", "green", "blue"))
        lines.append(f"{' '.join(words)} {label} {number},{('red', 'green', 'blue')[number % 3]}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
