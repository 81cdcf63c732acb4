"""Labelled texts with the lengths of well-known sets; their words mean nothing, as only their number costs time."""

import csv
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

VOCABULARY = 8000  # words
CLASSES = 4


class Workload(NamedTuple):
    """Lengths are drawn from a log-normal distribution and cut.

    median: words a row; sigma: of the logarithm; max_length: longest row; rows: of the training split;
    batch_sizes: rows a batch by model size, where peers are compared: a step of the slowest takes seconds.
    """

    median: float
    sigma: float
    max_length: int
    rows: int
    batch_sizes: Mapping[str, int] = MappingProxyType({})

    def training_rows(self) -> tuple[list[np.ndarray], np.ndarray]:
        """Word numbers of every row (int64, 0 to VOCABULARY - 1, the frequent ones small), and (rows,) int64 labels."""
        random = np.random.default_rng(0)
        lengths = np.clip(random.lognormal(np.log(self.median), self.sigma, self.rows), 8, self.max_length).astype(int)
        # Zipf's law, as words have it.
        odds = 1 / np.arange(1, VOCABULARY + 1)
        words = random.choice(VOCABULARY, size=int(lengths.sum()), p=odds / odds.sum())
        return np.split(words, np.cumsum(lengths)[:-1]), random.integers(CLASSES, size=self.rows)


WORKLOADS = {
    # AG News: 38 words on average and about 50 sub-words, nearly all rows below 80.
    "short": Workload(
        median=48, sigma=0.28, max_length=256, rows=40_000, batch_sizes={"base": 64, "large": 32, "xlarge": 64}
    ),
    # 20 Newsgroups: about 300 on average once cut at 512.
    "long": Workload(
        median=280, sigma=0.75, max_length=512, rows=8_000, batch_sizes={"base": 16, "large": 8, "xlarge": 16}
    ),
}


def write_files(workload: Workload, folder: Path) -> Path:
    """The rows as `train.csv` (columns text, label), and a few of them as `test.csv`, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, labels = workload.training_rows()
    # What stands in both would be dropped: the test rows are the last ones.
    for name, part in (("train", slice(0, -64)), ("test", slice(-64, None))):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "label"))
            for row, label in zip(rows[part], labels[part], strict=True):
                writer.writerow((" ".join(f"w{word}" for word in row), f"class {label}"))
    return folder
