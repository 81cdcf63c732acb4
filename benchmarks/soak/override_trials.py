"""Commands with random overrides: each trains, or ends in one clear message."""

import json
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.soak.override_sets import OverrideSets
from benchmarks.soak.processes import Command, Ending, run_all, tidy
from benchmarks.soak.rows import write_rows
from benchmarks.soak.verdicts import complaint, kind_of_message

ROWS = 48


def try_sets(work: Path, count: int, seed: int = 0, first: int = 0, at_once: int = 1) -> dict[str, Any]:
    """Run `count` sets of overrides, from number `first` on; those that end as they shouldn't are printed."""
    sets = OverrideSets(situations(work), seed)
    environment = {"SWEEPFORMER_CACHE": str(work / "cache"), "HOME": str(work / "home")}
    environment["TOKENIZERS_PARALLELISM"] = "false"

    def commands() -> Iterator[Command]:
        for number in range(first, first + count):
            yield Command(sets.draw(number), work / str(number), environment, about=number)

    trained, messages, wrong = 0, Counter[str](), []
    for command, ending in run_all(commands(), at_once):
        if what := complaint(command, ending):
            wrong.append(f"{command.about}: {what}")
            tell(command, ending, what)
            continue
        trained += ending.code == 0
        if ending.code:
            messages[kind_of_message(ending.message)] += 1
        tidy(command)
    (work / "messages.json").write_text(json.dumps(messages.most_common(), indent=1, ensure_ascii=False))
    refused = sum(messages.values())
    return {"tried": count, "trained": trained, "refused": refused, "kinds_of_message": len(messages), "wrong": wrong}


def tell(command: Command, ending: Ending, what: str) -> None:
    """Print what went wrong, and the command to see it again."""
    typed = shlex.join(["python", "-m", "src.run", *command.arguments]).encode(errors="backslashreplace").decode()
    print(f"-- {command.about}: {what}\n   {typed}\n   {ending.message.strip()[:500]}\n   {command.folder}", flush=True)


def situations(work: Path) -> dict[str, tuple[str, ...]]:
    """What is trained on, by its name; the files are written into `work`."""
    colours, things = ("red", "green", "blue"), ("apple", "house", "river", "train", "cloud")
    sets, numbers, words = [], [], []
    for number in range(ROWS):
        thing, colour = things[number % 5], colours[number % 3]
        sets.append(json.dumps({"text": f"the {thing} {number} is {colour}", "label": [colour] * (number % 4 > 0)}))
        numbers.append(json.dumps({"text": f"{number} {thing} of {colour}", "label": number / 7, "group": number // 4}))
        words.append(f"the O\n{thing} O\n{number} O\n{colour.title()} B-COL\n")
        one = work / "folder" / colour / f"{number}.txt"
        one.parent.mkdir(parents=True, exist_ok=True)
        one.write_text(f"the {thing} {number} is {colour}")
    files = {"sets.jsonl": "\n".join(sets), "numbers.jsonl": "\n".join(numbers), "rows.conll": "\n".join(words)}
    for name, text in files.items():
        (work / name).write_text(text + "\n", encoding="utf-8")
    rows = write_rows(work / "rows.csv", ROWS)
    return {
        "classes": ("data=files", f"data.train_file={rows}"),
        "sets": ("data=files", f"data.train_file={work}/sets.jsonl", "task=multilabel"),
        "numbers": ("data=files", f"data.train_file={work}/numbers.jsonl", "task=regression"),
        "tags": ("data=conll", f"data.train_file={work}/rows.conll", "task=tagging"),
        "texts": ("data=files", f"data.train_file={rows}", "task=masked_lm"),
        "folder": ("data=folder", f"data.root={work}/folder"),
    }
