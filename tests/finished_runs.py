"""A finished run of every kind, to be used: each trained in a second, once for all tests and their processes."""

import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from conftest import TINY, write_rows, write_tagged
from task_rows import NUMBERS, SETS, write_numbers, write_pairs, write_sets

from sweepformer.data.reading.any_file import open_table
from sweepformer.files.locks import locked

ENCODER_ALONE = ("model.wide.enabled=false", "model.stem=none", "model.embedding_std=1.0")
LEARNING = ("trainer.max_epochs=3", "optimizer.lr=3e-3", "trainer.enable_progress_bar=false")
WRITERS: dict[str, Any] = {
    "rows.csv": write_rows,
    "sets.jsonl": write_sets,
    "numbers.jsonl": write_numbers,
    "pairs.csv": write_pairs,
    "tagged.conll": write_tagged,
}
TAGS = ("data=conll", "task=tagging")
# By name: the file that it is trained on, and what is different about it.
RUNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "class": ("rows.csv", ()),
    "windows": ("rows.csv", ("model.max_length=8", "data.truncation=windows", "model.pooling=cls")),
    "tail": ("rows.csv", ("model.max_length=6", "tokenizer.truncation_side=left", *ENCODER_ALONE)),
    "averaged": ("rows.csv", ("callbacks=ema", "trainer.precision=bf16-mixed", "model.attention=varlen")),
    "half": ("rows.csv", ("trainer.precision=bf16-true", "model.positional_encoding=sinusoidal")),
    "wide": ("rows.csv", ("model.wide.ngram_order=3",)),
    "sets": ("sets.jsonl", SETS),
    "numbers": ("numbers.jsonl", NUMBERS),
    "pairs": ("pairs.csv", ("data.pair_column=other",)),
    "tags": ("tagged.conll", (*TAGS, "model.max_length=7")),
    "next": ("rows.csv", ("task=language_modeling",)),
    "masked": ("rows.csv", ("task=masked_lm",)),
    "bag": ("rows.csv", ("model=bag_of_ngrams", "model.buckets=1000")),
    "tfidf": ("rows.csv", ("model=tfidf",)),
    "tfidf_sets": ("sets.jsonl", (*SETS, "model=tfidf")),
    "tfidf_numbers": ("numbers.jsonl", (*NUMBERS, "model=tfidf")),
    "tagging_majority": ("tagged.conll", (*TAGS, "model=majority")),
}


def train(name: str, folder: Path, cache: Path) -> Path:
    """The directory of the run, which is trained in `folder` unless it has been."""
    from hydra.core.global_hydra import GlobalHydra

    from src.run import main

    folder.mkdir(exist_ok=True)
    with locked(folder / f"{name}.lock", "another process of the tests is at it"), pytest.MonkeyPatch.context() as now:
        data = folder / name / RUNS[name][0]
        if not data.exists():
            data.parent.mkdir()
            WRITERS[data.name](data)
        run = data.parent / "run"
        now.setenv("SWEEPFORMER_CACHE", str(cache))
        now.setenv("HYDRA_FULL_ERROR", "1")
        now.setattr(sys, "argv", ["run", *_overrides(name), f"data.train_file={data}", f"hydra.run.dir={run}"])
        GlobalHydra.instance().clear()
        main()
    return run


def _overrides(name: str) -> list[str]:
    given = RUNS[name][1]
    keys = {one.split("=")[0] for one in given}
    usual = [one for one in (*TINY, *LEARNING) if one.split("=")[0] not in keys]
    return [*(one for one in usual if "model" not in keys or not one.startswith("model")), *given]


def rows_of_test(name: str, run: Path) -> tuple[list[Any], list[dict[str, Any]]]:
    """The texts of the run's own test split as a user would give them, and what the run said of each."""
    said = pyarrow.parquet.read_table(run / "predictions.parquet").to_pylist()
    if isinstance(said[0].get("tokens"), list):
        return [row["tokens"] for row in said], said
    records = open_table(run.parent / RUNS[name][0], "test").records()
    rows = [record for _, record in records]
    chosen = [rows[int(one["id"]) - 1] for one in said]
    return [(row["text"], row["other"]) if name == "pairs" else row["text"] for row in chosen], said
