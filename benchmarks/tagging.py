"""Taggers beside what they have to beat: parts of speech, names and slots, with the default recipe.

    python -m benchmarks.tagging --data FOLDER

FOLDER holds a folder for each set with train.jsonl, valid.jsonl and test.jsonl, lines of `tokens` and `tags`:
ud_ewt_pos (UD English EWT, universal parts of speech), wnut17 (WNUT 2017, BIO) and snips (slots, BIO).
Typed again it goes on: the runs of a set are one sweep.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.record import record, run

SETS = ("ud_ewt_pos", "wnut17", "snips")
MODELS = ("majority", "word_features", "small")
COMMON = ["task=tagging", "data=files", "data.text_column=tokens", "data.label_column=tags", "trainer=cpu"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="holds a folder for each set")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", type=int, default=1, help="runs of each model")
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmark-tagging"), help="where the sweeps go")
    options = parser.parse_args()
    result = {name: compare(name, options.data.absolute() / name, options) for name in options.sets}
    print(json.dumps(result, indent=1))
    print("written:", record("tagging", {"common": COMMON, "models": MODELS, "results": result}))


def compare(name: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """What each model reaches on the test split, and how long it takes; `seconds`: all of a run, reading included."""
    files = {"train": "train", "val": "valid", "test": "test"}
    data = [f"data.{split}_file={folder / file}.jsonl" for split, file in files.items()]
    work = options.work.absolute()
    swept = [f"model={','.join(MODELS)}", f"seed={','.join(map(str, range(options.seeds)))}"]
    run(["-m", f"name={name}", *COMMON, *data, *swept], work)
    found: dict[str, list[dict[str, Any]]] = {model: [] for model in MODELS}
    for path in sorted((work / "multirun" / name).glob("*/summary.json")):
        summary = json.loads(path.read_text(encoding="utf-8"))
        found[dict(one.split("=", 1) for one in summary["overrides"])["model"]].append(summary)
    return {model: _means(summaries) for model, summaries in found.items()}


def _means(summaries: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("test_acc", "test_f1", "val_acc", "val_f1")
    means = {name: statistics.mean(one["metrics"][name] for one in summaries) for name in names}
    seconds = statistics.mean(one["seconds"]["total"] for one in summaries)
    return {"runs": len(summaries), **means, "seconds": seconds, "epochs": summaries[0]["epochs"]}


if __name__ == "__main__":
    main()
