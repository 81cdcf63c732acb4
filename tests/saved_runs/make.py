"""Makes small runs of every kind and keeps them, with what they say: `tests/test_saved_runs.py` goes on using them.

A folder beside this file is named after the commit whose code has made what is in it. It is made once, and never again:
that later code can use it is what the tests are for. To add the runs of another commit:

    git worktree add ELSEWHERE COMMIT
    PYTHONPATH=ELSEWHERE/src OMP_NUM_THREADS=1 python tests/saved_runs/make.py

In it answers.json says what was typed and what came out, and runs.tar.xz has what that left on disk: an archive, so
that nothing that works its way through the source (a formatter, a renaming) changes what was saved, and as runs have
much in common. It holds

    data/                  the rows, made up
    runs/                  a finished run of every task, a baseline, and one that was pretrained
    sweep/                 of two baselines
    interrupted/           the run of runs/classification, ended by Ctrl-C in its second epoch
    bundles/               runs/classification, exported

Nothing kept says where it was made: commands were typed in the folder that holds all this, the machine called itself
localhost, and what is only there for people to read (run.log) is left out.
"""

import json
import math
import os
import platform
import random
import re
import shutil
import signal
import socket
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet
import torch
from hydra.core.global_hydra import GlobalHydra
from torch.optim.optimizer import register_optimizer_step_post_hook

import sweepformer
from sweepformer.commands import export, run

HERE = Path(__file__).parent
SOURCE = Path(sweepformer.__file__).parents[2]
COLOURS = ["red", "green", "blue"]
THINGS = ["apple", "house", "river", "train", "cloud", "stone", "candle", "garden", "letter", "window"]

SMALL = (
    "trainer=cpu",
    "trainer.enable_progress_bar=false",
    "data.val_fraction=0.2",
    "data.test_fraction=0.2",
    "data.batch_size=16",
    "tokenizer.vocab_size=60",
)
NETWORK = (
    "model=tiny",
    "model.embedding_dim=8",
    "model.num_heads=1",
    "model.num_layers=1",
    "model.dim_feedforward=8",
    "model.max_length=16",
    "callbacks.checkpoint.save_top_k=1",
    "optimizer.lr=0.1",  # for models of the usual width
)
BESIDE_A_WIDE_PATH = ("trainer.max_epochs=6", "model.wide.features=100")
ALONE = ("trainer.max_epochs=15", "logger=none")
ROWS = ("data=files", "data.train_file=data/rows.csv")
RUNS: dict[str, tuple[str, ...]] = {
    "classification": (*ROWS, *NETWORK, *BESIDE_A_WIDE_PATH),
    "multilabel": ("task=multilabel", "data=files", "data.train_file=data/sets.jsonl", *NETWORK, *ALONE),
    "regression": ("task=regression", "data=files", "data.train_file=data/numbers.jsonl", *NETWORK, *ALONE),
    "tagging": ("task=tagging", "data=conll", "data.train_file=data/tagged.conll", *NETWORK, *ALONE),
    "language_modeling": ("task=language_modeling", *ROWS, *NETWORK, *ALONE),
    "masked_lm": ("task=masked_lm", *ROWS, *NETWORK, *ALONE),
    "tfidf": (*ROWS, "model=tfidf", "logger=none"),
    "pretrained": ("experiment=pretrain_then_classify", *ROWS, *NETWORK, *ALONE, "pretrain.trainer.max_epochs=2"),
}
SWEEP = (*ROWS, *SMALL, "model=majority,tfidf", "logger=none", "hydra.launcher.isolate=false", "hydra.sweep.dir=sweep")
INTERRUPTED_AFTER = 7  # optimizer steps, in the second of six epochs
FORMATS = ("onnx", "safetensors")

LAST_WORDS = ["what nobody has ever said", "red " * 40, "blue"]  # unknown words, more than is read, very little
TEXTS = [f"the {THINGS[one]} near a {THINGS[-one]} is {COLOURS[one % 3]}" for one in range(1, 8)]
ASKED: dict[str, list[Any]] = {
    "multilabel": [text.replace(" near", " and blue near") for text in TEXTS] + LAST_WORDS,
    "regression": ["more more apple", "more house", "river train", "more more more more", *LAST_WORDS],
    "tagging": [["the", "apple", "Red", "Hill", "saw"], ["Blue", "saw", "it"], "the house Green saw", "Red"],
}

LEFT_OUT = ("run.log", ".lock", ".spare", ".devices")
MACHINES_OWN = re.compile(rb"/(?:home|root|tmp|usr|opt|var|Users)/[\w.]")


def main() -> None:
    """Make everything in a temporary folder, and keep it beside this file."""
    host = socket.gethostname()
    socket.gethostname = lambda: "localhost"  # TensorBoard puts it into the names of its files
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as made:
        os.environ["SWEEPFORMER_CACHE"] = f"{made}/cache"
        place = Path(made).resolve() / "made"
        place.mkdir()
        os.chdir(place)
        write_data(Path("data"))
        said = make()
        for path in [path for path in place.rglob("*") if path.name in LEFT_OUT]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        scrub(place)
        refuse_traces(place, [str(place.parent), str(SOURCE), sys.prefix, str(Path.home())], host)
        folder = HERE / commit_of(Path("runs/classification"))
        folder.mkdir()
        (folder / "answers.json").write_text(as_text(said) + "\n")
        pack(place, folder / "runs.tar.xz")
    print(f"{folder}: {sum(path.stat().st_size for path in folder.iterdir()):,} bytes")


def make() -> dict[str, Any]:
    """Everything; returns what was typed, and what came out."""
    runs: dict[str, dict[str, Any]] = {}
    for name, options in RUNS.items():
        given = typed(*options, *SMALL, f"hydra.run.dir=runs/{name}")
        runs[name] = {"command": given, "metrics": metrics(f"runs/{name}"), **answers(f"runs/{name}", ASKED.get(name))}
    sweep = {"command": typed("-m", *SWEEP), **answers("sweep")}
    (best,) = Path("sweep").glob("*tfidf*")
    sweep |= {"best": best.name, "metrics": metrics(best)}
    with ctrl_c(after=INTERRUPTED_AFTER):
        given = typed(*RUNS["classification"], *SMALL, "hydra.run.dir=interrupted", code=130)
    for form in FORMATS:
        exported("runs/classification", form)
    interrupted = {"command": given, "undisturbed": "classification"}
    return {
        "runs": runs,
        "sweep": sweep,
        "interrupted": interrupted,
        "bundles": dict.fromkeys(FORMATS, "classification"),
    }


def typed(*arguments: str, code: int = 0) -> list[str]:
    """Do what `python -m src.run ARGUMENTS` does; returns the arguments."""
    command(run.main, "src/run.py", arguments, code)
    return list(arguments)


def exported(of: str, form: str) -> None:
    command(export.main, "src/export.py", (of, "--format", form, "--output", f"bundles/{form}"))


def command(main: Callable[[], None], door: str, arguments: tuple[str, ...], code: int = 0) -> None:
    GlobalHydra.instance().clear()
    sys.argv = [door, *arguments]
    ended: Any = 0
    try:
        main()
    except SystemExit as end:
        ended = end.code or 0
    if ended != code:
        sys.exit(f"{door} {' '.join(arguments)} ended with {ended}, and not with {code}.")


@contextmanager
def ctrl_c(after: int) -> Iterator[None]:
    """Ctrl-C in the optimizer step of this number."""
    steps = 0

    def count(*_: Any) -> None:
        nonlocal steps
        steps += 1
        if steps == after:
            os.kill(os.getpid(), signal.SIGINT)

    hook = register_optimizer_step_post_hook(count)
    try:
        yield
    finally:
        hook.remove()


def metrics(of: str | Path) -> dict[str, float]:
    return json.loads((Path(of) / "summary.json").read_text())["metrics"]


def answers(of: str, texts: list[Any] | None = None) -> dict[str, Any]:
    """What the run says of texts."""
    texts = texts or TEXTS + LAST_WORDS
    loaded = sweepformer.load(of, device="cpu")
    if "vocabulary" in loaded.kind.predicts:
        scores = loaded.score(texts)
        return {"texts": texts, "losses": rounded(scores.loss), "tokens": [int(one) for one in scores.tokens]}
    said: dict[str, Any] = {"texts": texts, "answers": loaded.predict(texts), "classes": loaded.classes}
    if loaded.classes:
        said["probabilities"] = rounded(loaded.predict_proba(texts))
    return said


def rounded(numbers: Any) -> Any:
    """Six decimals, and null for what is no number."""
    if hasattr(numbers, "__len__"):
        return [rounded(one) for one in numbers]
    return None if math.isnan(numbers) else round(float(numbers), 6)


def write_data(folder: Path) -> None:
    """Rows of every task, from which a model learns something in no time, and makes some mistakes."""
    folder.mkdir()
    drawn = random.Random(0)
    rows, sets, numbers, tagged = ["text,label"], [], [], []
    for number in range(120):
        thing, other, colour = THINGS[number % 10], THINGS[number // 10 % 10], COLOURS[number % 3]
        label = colour if drawn.random() < 0.9 else drawn.choice(COLOURS)
        rows.append(f"the {thing} near a {other} is {colour},{label}")
        some = [one for one in COLOURS if drawn.random() < 0.4]
        text = f"the {thing} is {' and '.join(some)} near a {other}"
        sets.append(json.dumps({"text": text, "label": some}))
        more = drawn.randrange(5)
        words = ["more"] * more + drawn.choices(THINGS, k=6 - more)
        drawn.shuffle(words)
        numbers.append(json.dumps({"text": " ".join(words), "label": 100.0 + 10 * more}))
        name = [(colour.title(), "B-COL"), ("Hill", "I-COL")][: 1 + number % 2]
        sentence = [("the", "O"), (thing, "O"), (other, "O"), *name, ("saw", "O")]
        tagged.append("".join(f"{word} {tag}\n" for word, tag in sentence))
    for name, lines in {"rows.csv": rows, "sets.jsonl": sets, "numbers.jsonl": numbers, "tagged.conll": tagged}.items():
        (folder / name).write_text("\n".join(lines) + "\n")


def scrub(place: Path) -> None:
    """Take out of records what is of this machine. Nothing that has a checksum says such things."""
    replaced = ((f"{place}/", ""), (str(place), "."), (f"{SOURCE}/", ""), (str(SOURCE), "."))
    for name in ("hydra.yaml", "environment.json"):
        for path in place.rglob(name):
            text = path.read_text()
            for folder, instead in replaced:
                text = text.replace(folder, instead)
            path.write_text(text)
    for path in place.rglob("environment.json"):
        facts = json.loads(path.read_text())
        path.write_text(json.dumps(facts | {"platform": f"{platform.system()}-{platform.machine()}"}, indent=2) + "\n")


def refuse_traces(place: Path, folders: list[str], host: str) -> None:
    """End if anything names a folder or this machine."""
    names = re.compile(rf"\b{re.escape(host)}\b")
    for path in place.rglob("*"):
        for content in contents(path):
            found = [folder for folder in folders if folder.encode() in content and folder != "/"]
            found += [one.decode() for one in MACHINES_OWN.findall(content)]
            text = content.decode(errors="ignore")
            found += names.findall(path.name + (text if text.encode() == content else ""))
            if found:
                sys.exit(f"{path.relative_to(place)} says where it was made: {found[:3]}")


def contents(path: Path) -> Iterator[bytes]:
    """What is in a file, and in the files in it."""
    if not path.is_file():
        yield b""
        return
    yield path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            yield from (file.read(name) for name in file.namelist())
    if path.suffix == ".parquet":
        yield json.dumps(pyarrow.parquet.read_table(path).to_pylist()).encode()


def commit_of(run: Path) -> str:
    """The beginning of the commit whose code has made a run."""
    made_by = json.loads((run / "environment.json").read_text())["git"]
    if made_by["dirty"]:
        sys.exit(f"{SOURCE} holds changes: what it makes is of no commit.")
    return made_by["commit"][:7]


def as_text(said: Any, indent: str = "") -> str:
    """JSON with a line for everything that has a name."""
    if not isinstance(said, dict):
        return json.dumps(said)
    inner = f"{indent} "
    return (
        "{\n"
        + ",\n".join(f"{inner}{json.dumps(key)}: {as_text(one, inner)}" for key, one in said.items())
        + f"\n{indent}}}"
    )


def pack(place: Path, archive: Path) -> None:
    """Without whose files they are, and since when."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = entry.mtime = 0
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(archive, "w:xz", preset=9) as file:
        for path in sorted(place.iterdir()):
            file.add(path, path.name, filter=plain)


if __name__ == "__main__":
    main()
