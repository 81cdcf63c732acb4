"""What each kind of task reaches on real rows, beside the baselines: same splits, same metrics.

    python -m benchmarks.tasks
    python -m benchmarks.tasks --only regression      # the other cases stay as they are recorded
    python -m benchmarks.tasks --docs               # puts the recorded figures into the docs

Needs the extra [corpora]. Where the rows' labels or pairs were made here from a set's own annotation, `rows` says how.
"""

import argparse
import csv
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.record import RESULTS, ROOT, record, run
from benchmarks.tables import markdown, write_table

SETS = ROOT.parent / "shared" / "data"
SNIPS = {"train": "train", "val": "valid", "test": "test"}
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
BASELINES = {"majority": ["model=majority"], "tfidf": ["model=tfidf"]}
BAG = {"bag_of_ngrams": ["model=bag_of_ngrams", "tokenizer=word", "optimizer.lr=1e-2"]}


@dataclass(frozen=True)
class Case:
    """One set of rows, and what is trained on it.

    rows: what they are, in words; common: overrides of all runs; models: further overrides of each; prepare: writes
    the rows' files into a folder, for those that are made here.
    """

    rows: str
    common: list[str]
    models: dict[str, list[str]]
    prepare: Callable[[Path], list[str]] = field(default=lambda folder: [])


def slot_types(folder: Path) -> list[str]:
    """snips: which slots occur in an utterance."""
    for split, name in SNIPS.items():
        rows = [
            {"text": " ".join(row["tokens"]), "label": sorted({tag[2:] for tag in row["tags"] if tag != "O"})}
            for row in _snips(name)
        ]
        _write_lines(folder / f"{split}.jsonl", rows)
    return _files(folder, "jsonl")


def ratings(folder: Path) -> list[str]:
    """snips: the number of points that an utterance gives to a book."""
    for split, name in SNIPS.items():
        _write_lines(folder / f"{split}.jsonl", list(_rated(name)))
    return _files(folder, "jsonl")


def intent_pairs(folder: Path) -> list[str]:
    """snips: two utterances of one split, half of them of the same intent."""
    for split, name in SNIPS.items():
        drawn, rows = random.Random(0), list(_snips(name))
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "other", "label"))
            for number, row in enumerate(rows):
                same = number % 2 == 0
                other = drawn.choice(rows)
                while (other["intent"] == row["intent"]) != same or other is row:
                    other = drawn.choice(rows)
                texts = (" ".join(one["tokens"]) for one in (row, other))
                writer.writerow((*texts, "same intent" if same else "another intent"))
    return [*_files(folder, "csv"), "data.pair_column=other"]


LETTERS = {
    "small, tokenizer=char": ["model=small", "tokenizer=char"],
    "small, tokenizer=byte": ["model=small", "tokenizer=byte"],
}
# Of what encoders that answer alone have.
WITHOUT = {
    "small without convolution": ["model=small", "model.stem=none"],
    "small without small token vectors": ["model=small", "model.embedding_std=1"],
}
PARTS = ("head", "tail", "head_and_tail", "windows")
CASES = {
    "multilabel": Case(
        "snips: which of 39 slot types occur in an utterance, from its word-by-word annotation",
        ["task=multilabel", "trainer.max_epochs=10"],
        BASELINES | BAG | {"small": ["model=small"]} | WITHOUT,
        slot_types,
    ),
    "regression": Case(
        "snips, RateBook only: the points given to a book, from the slot rating_value (0 to 5)",
        ["task=regression", "trainer.max_epochs=30", "data.batch_size=16"],
        BASELINES | BAG | {"small": ["model=small"]},
        ratings,
    ),
    "pairs": Case(
        "snips: pairs of utterances, half of the same intent, drawn within each split (seed 0)",
        ["task=classification", "trainer.max_epochs=15"],
        BASELINES | BAG | {"small": ["model=small"]},
        intent_pairs,
    ),
    "peptides": Case(
        "antimicrobial peptides or others, one-letter amino acids (data=peptides)",
        ["data=peptides", "trainer.max_epochs=15", "data.batch_size=32"],
        BASELINES | LETTERS,
    ),
    "dna_splice": Case(
        "splice junctions: 60 letters of DNA (UCI)",
        [
            "data=files",
            *(f"data.{split}_file={SETS}/dna_splice/{split}.csv" for split in ("train", "test")),
            "trainer.max_epochs=15",
            "data.batch_size=32",
        ],
        BASELINES | LETTERS,
    ),
    "long rows": Case(
        "bbc_news articles, 500 tokens on average, read by a model of 64 (data=bbc_news)",
        ["data=bbc_news", "trainer.max_epochs=4", "model=tiny", "model.max_length=64", "data.batch_size=16"],
        {part: [f"data.truncation={part}"] for part in PARTS},
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmark-tasks"), help="where the runs go")
    parser.add_argument("--docs", action="store_true", help="write the recorded figures into the docs")
    options = parser.parse_args()
    if options.docs:
        write_table("tasks", recorded_table())
        return
    for name in options.only:
        measured = measure(CASES[name], options.work.absolute() / name.replace(" ", "_"))
        cases = _recorded() | {name: measured}
        path = record("tasks", {"cases": {name: cases[name] for name in CASES if name in cases}})
        print("written:", path)


def measure(case: Case, work: Path) -> dict[str, Any]:
    """The test metrics of each model."""
    work.mkdir(parents=True, exist_ok=True)
    common = [*case.prepare(work), *case.common, "logger=none", "trainer=cpu"]
    found = {}
    for name, overrides in case.models.items():
        folder = work / name.replace(", tokenizer=", "-")
        run([*common, *overrides, f"hydra.run.dir={folder}"], work)
        summary = json.loads((folder / "summary.json").read_text())
        metrics = {key: round(value, 4) for key, value in summary["metrics"].items() if key.startswith("test_")}
        found[name] = {
            "overrides": overrides,
            **metrics,
            "parameters": summary["parameters"],
            "training_seconds": round(summary["seconds"]["training"], 1),
        }
        print(work.name, name, metrics, flush=True)
    shown = [one.replace(f"{work}/", "").replace(f"{ROOT.parent}/", "../") for one in common]
    return {"rows": case.rows, "common": shown, "models": found}


def recorded_table() -> str:
    """The recorded figures as Markdown, a table a case."""
    parts = []
    for case in _recorded().values():
        names = [key for key in next(iter(case["models"].values())) if key.startswith("test_")]
        rows = [
            [f"`{name}`" if name in ("majority", "tfidf", "bag_of_ngrams") else name]
            + [f"{one[key]:.3f}" for key in names]
            + [f"{one['training_seconds']:.0f}"]
            for name, one in case["models"].items()
        ]
        parts.append(f"{case['rows']}:\n\n" + markdown(["", *names, "training s"], rows))
    return "\n\n".join(parts)


def _recorded() -> dict[str, Any]:
    path = RESULTS / "tasks.json"
    return json.loads(path.read_text(encoding="utf-8"))["cases"] if path.exists() else {}


def _snips(split: str) -> Iterator[dict[str, Any]]:
    with (SETS / "snips" / f"{split}.jsonl").open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _rated(split: str) -> Iterator[dict[str, Any]]:
    for row in _snips(split):
        given = [token for token, tag in zip(row["tokens"], row["tags"], strict=True) if tag == "B-rating_value"]
        if row["intent"] == "RateBook" and given:
            points = NUMBERS.index(given[0]) if given[0] in NUMBERS else given[0]
            if str(points).isdigit():
                yield {"text": " ".join(row["tokens"]), "label": int(points)}


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _files(folder: Path, suffix: str) -> list[str]:
    return ["data=files", *(f"data.{split}_file={folder}/{split}.{suffix}" for split in SNIPS)]


if __name__ == "__main__":
    main()
