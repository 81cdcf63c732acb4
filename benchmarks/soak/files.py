"""Runs on mangled data files: each trains on what is in the file, or ends in one clear message."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.soak.data_files import Read, simply_read, written
from benchmarks.soak.mangling import Mangled, draw, sound_row
from benchmarks.soak.override_trials import tell
from benchmarks.soak.processes import Command, run_all, tidy
from benchmarks.soak.verdicts import complaint, kind_of_message

TASKS = {
    "class": "classification", "classes": "multilabel", "number": "regression", "tags": "tagging",
    "nothing": "masked_lm",
}  # fmt: skip
COMMON = (
    "model=tiny", "model.embedding_dim=16", "model.num_layers=1", "model.dim_feedforward=16", "model.max_length=64",
    "trainer=cpu", "trainer.max_epochs=1", "trainer.max_steps=1", "callbacks=minimal", "tokenizer.vocab_size=200",
)  # fmt: skip


def try_files(work: Path, count: int, seed: int = 0, first: int = 0, at_once: int = 1) -> dict[str, Any]:
    """Run on `count` mangled files, from number `first` on; those that end as they shouldn't are printed."""

    def commands() -> Iterator[Command]:
        for number in range(first, first + count):
            yield _command(work / str(number), draw(seed, number), random.Random(f"{seed} run {number}"))

    trained, checked, messages, wrong = 0, 0, Counter[str](), []
    for command, ending in run_all(commands(), at_once):
        what = complaint(command, ending)
        if ending.code == 0 and not what:
            trained += 1
            what, was_checked = _compared(command)
            checked += was_checked
        if what:
            what = f"{what} ({', '.join(command.about.done)})"
            wrong.append(f"{command.folder.name}: {what}")
            tell(command, ending, what)
            continue
        if ending.code:
            messages[kind_of_message(ending.message)] += 1
        tidy(command)
    (work / "messages.json").write_text(json.dumps(messages.most_common(), indent=1, ensure_ascii=False))
    refused = sum(messages.values())
    figures = {"tried": count, "trained": trained, "compared_with_another_reader": checked, "refused": refused}
    return {**figures, "kinds_of_message": len(messages), "wrong": wrong}


def _command(folder: Path, mangled: Mangled, chance: random.Random) -> Command:
    """Trains on the file, at times beside a sound one of test rows that has some rows in common with it."""
    folder.mkdir(parents=True)
    path = folder / mangled.name
    if mangled.content is None:
        path.mkdir()
    else:
        path.write_bytes(mangled.content)
    given = [
        "data.drop_duplicates=all",
        f"data={'conll' if '.conll' in mangled.name else 'files'}",
        f"data.train_file={path}",
    ]
    given.append(f"task={TASKS[mangled.labelled]}")
    if mangled.labelled != "nothing" and chance.random() < 0.4:
        given.append("model=majority")
        common = [one for one in COMMON if not one.startswith("model")]
    else:
        common = list(COMMON)
    if mangled.labelled in ("class", "number") and chance.random() < 0.3:
        rows = [sound_row(chance, number, mangled.labelled) for number in range(10)]
        with suppress(Exception):  # none that could be read
            known = simply_read(mangled.content or b"", mangled.name, mangled.labelled)
            rows += [{"text": text, "label": label} for _, text, label in chance.sample(known, min(5, len(known)))]
        (folder / "test.jsonl").write_bytes(written(rows, "jsonl", chance))
        given.append(f"data.test_file={folder}/test.jsonl")
    logger = "tensorboard" if chance.random() < 0.1 else "none"
    environment = {"SWEEPFORMER_CACHE": str(folder / "cache"), "TOKENIZERS_PARALLELISM": "false"}
    return Command([*given, *common, f"logger={logger}"], folder, environment, about=mangled)


def _compared(command: Command) -> tuple[str | None, bool]:
    """What is in the store but not in the file, or the other way round, if anything; and whether that could be told."""
    mangled, folder = command.about, command.folder
    test = folder / "test.jsonl"
    try:
        train_rows = simply_read(mangled.content, mangled.name, mangled.labelled)
        test_rows = simply_read(test.read_bytes(), test.name, mangled.labelled) if test.exists() else None
    except Exception:  # what only the program's own reader takes
        return None, False
    return difference(_splits(folder / "cache"), train_rows, test_rows), True


def _splits(cache: Path) -> dict[str, list[Read]]:
    """What a store says that it holds: by split the rows' ids, texts and labels."""
    from sweepformer.data.store import Store

    (path,) = (path for path in cache.iterdir() if path.is_dir())
    store = Store.open(path)
    found: dict[str, list[Read]] = {}
    for split, rows in store.splits.items():
        labels: list[Any]
        if rows.tagged:
            labels = [[] for _ in range(len(rows))]
            for tag, row in rows.answers.tolist():
                labels[row].append(store.classes[tag])
        elif store.labelled == "classes":
            labels = [sorted(name for name, has in zip(store.classes, one, strict=True) if has) for one in rows.labels]
        elif store.labelled == "class":
            labels = [store.classes[number] for number in rows.labels]
        else:
            labels = rows.labels.tolist() if store.labelled == "number" else [None] * len(rows)
        found[split] = list(zip(rows.ids, rows.texts, labels, strict=True))
    return found


def difference(splits: dict[str, list[Read]], train: list[Read], test: list[Read] | None) -> str | None:
    """How splits differ from what they were made of: a row that isn't in its file, or two with one text, or none."""
    texts: set[str] = set()
    for split, rows in splits.items():
        source = {row[0]: row for row in (test if test is not None and split == "test" else train)}
        for identity, text, label in rows:
            if text in texts:
                return f"a text is twice in the splits, the second time in {split}, row {identity}"
            texts.add(text)
            if identity not in source or source[identity][1] != text:
                return f"{split}, row {identity}: its text is not the file's"
            if source[identity][2] != label:
                return f"{split}, row {identity}: its label is not the file's: {label!r}, {source[identity][2]!r}"
    if lost := {row[1] for row in [*train, *(test or [])]} - texts:
        return f"{len(lost)} texts are in no split, such as {min(lost)[:80]!r}"
    if test is not None and {row[1] for row in splits["test"]} != {row[1] for row in test}:
        return "rows of the test file are not in test"
    return None
