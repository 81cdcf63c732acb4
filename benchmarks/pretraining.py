"""What is learned from texts alone: perplexity beside counting tokens, and accuracy with and without pretraining.

    python -m benchmarks.pretraining

Typed again it goes on: its runs have directories of their own, and a comparison is a sweep.
"""

import argparse
import csv
import json
import statistics
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from benchmarks.record import ROOT, record, run
from sweepformer.baselines.token_counts import bigram_perplexity, unigram_perplexity
from sweepformer.data.corpus import prepare
from sweepformer.data.tokenizer import vocab_size

DATA = ROOT.parent / "shared" / "data"
COMMON = ["trainer=cpu", "logger=none", "callbacks=minimal", "tokenizer.vocab_size=4000"]
TEXTS = ["data=icd10", "data.max_rows=20000", "model.dropout=0.1", "optimizer.lr=2e-3", "trainer.max_epochs=6"]
# A small labelled set each; of AG News the other rows are there as texts.
CLASSIFIED = {
    "trec6": [f"data.train_file={DATA}/trec6/train.csv", f"data.test_file={DATA}/trec6/test.csv"],
    "ag_news_1000": [
        "data.train_file=ag_news_1000.csv", f"data.test_file={DATA}/ag_news/test.csv", "model.max_length=64",
    ],
}  # fmt: skip
PRETRAINING = {"trec6": [], "ag_news_1000": ["data.unlabelled_file=ag_news_rest.txt", "pretrain.trainer.max_epochs=8"]}
LABELLED = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", nargs="*", choices=list(CLASSIFIED), default=list(CLASSIFIED))
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmark-pretraining"), help="where the runs go")
    options = parser.parse_args()
    work = options.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    _write_ag_news(work)
    result = {
        "common": COMMON,
        "texts": {"data": TEXTS, **perplexities(work)},
        "classified": {data: compare(data, options.seeds, work) for data in options.data},
    }
    print(json.dumps(result, indent=1))
    print("written:", record("pretraining", result))


def perplexities(work: Path) -> dict[str, Any]:
    """Test perplexity of both tasks, and of counting the same tokens."""
    found: dict[str, Any] = {}
    for task in ("language_modeling", "masked_lm"):
        run([f"task={task}", *TEXTS, *COMMON, f"hydra.run.dir={task}"], work)
        summary = json.loads((work / task / "summary.json").read_text())
        found[task] = {key: summary["metrics"][key] for key in ("test_perplexity", "test_acc")}
        found[task]["training_seconds"] = summary["seconds"]["training"]
    config: Any = OmegaConf.to_container(OmegaConf.load(work / "language_modeling" / ".hydra" / "config.yaml"))
    store = prepare(config["data"], config["tokenizer"], config["seed"], "nothing", "nothing")
    train, val, test = (store.splits[split] for split in ("train", "val", "test"))
    size = vocab_size(store.tokenizer)
    found["unigrams"] = unigram_perplexity(train, test, size)
    found["bigrams"] = bigram_perplexity(train, val, test, size)
    return found


def compare(data: str, seeds: int, work: Path) -> dict[str, Any]:
    """Test accuracy of every seed, from chance and from an encoder that has read the texts."""
    same = ["data=files", *CLASSIFIED[data], *COMMON, f"seed={','.join(map(str, range(seeds)))}"]
    arms = {"from_scratch": [], "pretrained": ["experiment=pretrain_then_classify", *PRETRAINING[data]]}
    result: dict[str, Any] = {"data": [one.replace(f"{ROOT.parent}/", "../") for one in CLASSIFIED[data]]}
    for arm, more in arms.items():
        name = f"{data}-{arm}"
        run(["-m", *more, f"name={name}", *same], work)
        summaries = [json.loads(path.read_text()) for path in sorted((work / "multirun" / name).glob("*/summary.json"))]
        accuracies = [summary["metrics"]["test_acc"] for summary in summaries]
        result[arm] = {
            "added": more,
            "test_acc": accuracies,
            "mean": statistics.mean(accuracies),
            "spread": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
            "seconds": statistics.mean(summary["seconds"]["total"] for summary in summaries),
        }
    return result


def _write_ag_news(work: Path) -> None:
    """The first rows as a labelled set, the others as texts."""
    with (DATA / "ag_news" / "train.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    text = header.index("text")
    with (work / "ag_news_1000.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows[:LABELLED]])
    texts = [" ".join(row[text].split()) for row in rows[LABELLED:]]
    (work / "ag_news_rest.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
