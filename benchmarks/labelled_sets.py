"""Sets of labelled rows to compare recipes on: folders with train and test files, and the built-in icd10."""

import csv
import random
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.record import ROOT
from sweepformer.data.reading.any_file import open_table
from sweepformer.data.sources.icd10 import Icd10

DATA = ROOT.parent / "shared" / "data"
SPLITS = {"train": "train", "val": "valid", "test": "test"}
ENDINGS = (".csv", ".csv.gz")
BUILT_IN = "icd10"
MOST_READ = 2560  # characters of a row that count: about the 512 tokens that models read
ROWS_A_CLASS = 3  # in any subset: validation is cut from it, and a text that the test split has is dropped


@dataclass(frozen=True)
class LabelledSet:
    """One set. files: of its splits, by the names that `data=files` has for them; empty: it is built in."""

    name: str
    files: dict[str, Path]

    @property
    def overrides(self) -> list[str]:
        """What makes a run one on these rows, and nothing else."""
        if not self.files:
            return [f"data={self.name}"]
        return ["data=files", *(f"data.{split}_file={path}" for split, path in self.files.items())]

    @cached_property
    def rows(self) -> list[tuple[str, str]]:
        """Texts and labels of the training file; nothing of what is built in, which has none."""
        if not self.files:
            return []
        records = open_table(self.files["train"], f"train of {self.name}").records()
        return [(str(fields["text"]), str(fields["label"])) for _, fields in records]

    @cached_property
    def characters(self) -> int:
        """How much there is to learn from, as far as models read rows: what training time goes by."""
        texts = [text for text, _ in self.rows] if self.files else Icd10().read().train.texts
        return sum(min(len(text), MOST_READ) for text in texts)

    @property
    def classes(self) -> int:
        """How many labels the training file has."""
        return len({label for _, label in self.rows})

    def subset(self, count: int, seed: int, folder: Path) -> "LabelledSet":
        """`count` of the training rows, and the same test split; what validates is cut from the former.

        Every class keeps its share, and at least `ROWS_A_CLASS` rows. Of one seed a smaller subset is part of any
        larger one. The file is written into `folder`.
        """
        path = folder / f"{self.name}-{count}-{seed}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "label"))
            writer.writerows(self.rows[row] for row in drawn([label for _, label in self.rows], seed)[:count])
        return LabelledSet(self.name, {"train": path, "test": self.files["test"]})


def find_sets(folder: Path) -> dict[str, LabelledSet]:
    """Every folder in `folder` that has train and test files with columns `text` and `label`, and what is built in."""
    if not folder.is_dir():
        raise SystemExit(f"--data {folder}: there is no such folder.")
    found = {}
    for path in sorted(one for one in folder.iterdir() if one.is_dir()):
        there = {
            split: path / f"{name}{ending}"
            for split, name in SPLITS.items()
            for ending in ENDINGS
            if (path / f"{name}{ending}").exists()
        }
        if {"train", "test"} <= there.keys():
            found[path.name] = LabelledSet(path.name, there)
    return found | {BUILT_IN: LabelledSet(BUILT_IN, {})}


def drawn(labels: list[str], seed: int) -> list[int]:
    """Row numbers in an order drawn by chance, of which any beginning has classes in their shares.

    The first `ROWS_A_CLASS` of each class come before all others.
    """
    sizes, seen = Counter(labels), Counter[str]()
    order = random.Random(seed).sample(range(len(labels)), len(labels))
    places = {}
    for row in order:
        label = labels[row]
        places[row] = (seen[label] + 0.5) / sizes[label] if seen[label] >= ROWS_A_CLASS else 0.0
        seen[label] += 1
    return sorted(order, key=lambda row: places[row])  # stable: of equals the first drawn
