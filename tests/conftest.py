"""What many tests need: the command line in this process, a small dataset, a cache of their own."""

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import settings

# Tests run side by side: more threads than cores would fight over them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("no deadline", deadline=None)  # on a busy machine anything may take long
settings.load_profile("no deadline")
# What a fork of this process runs is not counted, as it ends by os._exit: tracing would nearly double its time.
os.register_at_fork(after_in_child=lambda: sys.settrace(None))
ROOT = Path(__file__).parents[1]
EXPERIMENTS = sorted(path.stem for path in (ROOT / "experiments").glob("*.yaml"))
sys.path.insert(0, str(ROOT))  # the doors in src/ are not installed
pytest_plugins = ["process_fixtures"]


@dataclass
class Result:
    """What a command left."""

    code: int
    out: str
    err: str
    directory: Path

    @property
    def screen(self) -> str:
        return self.out + self.err

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads((self.directory / "summary.json").read_text())


Cli = Callable[..., Result]


def decided(directory: Path) -> dict[str, Any]:
    """What a run decided itself, by key, as its `plan.yaml` has it."""
    plan = yaml.safe_load((directory / "plan.yaml").read_text(encoding="utf-8"))
    return {key: choice["value"] for key, choice in plan["decided"].items()}


@pytest.fixture(autouse=True, scope="module")
def frozen() -> Iterator[None]:
    """What the tests of a file have loaded is no garbage: looking through it after every later run takes its time."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tokenised data that tests may share, apart from the user's own cache."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def cli(tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Call with a command's arguments: runs it in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SWEEPFORMER_CACHE", str(shared_cache))
    monkeypatch.setenv("WANDB_MODE", "offline")

    def run(*arguments: str) -> Result:
        from src.run import main

        as_if_new(monkeypatch)
        directory = tmp_path / "run"
        chosen = [argument for argument in arguments if argument.startswith("hydra.run.dir=")]
        if chosen:
            directory = Path(chosen[0].removeprefix("hydra.run.dir="))
        elif "-m" not in arguments and not any(argument.startswith("name=") for argument in arguments):
            arguments = (*arguments, f"hydra.run.dir={directory}")
        if "-m" in arguments and not any("launcher" in argument for argument in arguments):
            # A fork of this process, where torch has run, could not use more than one thread.
            arguments = (*arguments, "hydra.launcher.isolate=false")
        monkeypatch.setattr(sys, "argv", ["src/run.py", *arguments])
        return ended(main, capfd, directory)

    return run


def as_if_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what an earlier command has left in this process."""
    from hydra._internal.hydra import Hydra
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    # Hydra composes the whole config a first time only to look for hydra.mode: a third of a small run's time.
    monkeypatch.setattr(Hydra, "get_mode", lambda *_, **__: None)


def ended(main: Callable[[], None], capfd: pytest.CaptureFixture[str], directory: Path) -> Result:
    """What a command's `main` leaves."""
    code: object = 0
    try:
        main()
    except SystemExit as stop:
        code = stop.code
    out, err = capfd.readouterr()
    if isinstance(code, str):  # what the interpreter would print on its way out
        return Result(1, out, err + code, directory)
    return Result(int(code or 0), out, err, directory)  # type: ignore[call-overload]


@pytest.fixture
def sweepformer(cli: Cli, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Call with what is typed after `sweepformer`: runs that in this process, in the folder that `cli` has made."""

    def run(*words: str) -> Result:
        from sweepformer.commands.verbs import main

        as_if_new(monkeypatch)
        monkeypatch.setattr(sys, "argv", ["bin/sweepformer", *words])
        monkeypatch.setattr(sys, "path", list(sys.path))  # the command puts its folder there
        return ended(main, capfd, Path.cwd())

    return run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Callable[[str], Path]:
    """Call with a name of `finished_runs.RUNS`: the directory of that run."""
    from finished_runs import train

    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # by all processes of the tests
    return cache(lambda name: train(name, shared / "finished", shared_cache))


def whole_and_resumed(
    cli: Cli, command: tuple[str, ...], stop: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[Result, Result]:
    """One run undisturbed, and one that ends before the optimizer step `stop` and is typed again.

    command: has the callback `misbehaving.StopAtStep`.
    """
    whole = cli(*command, f"hydra.run.dir={Path.cwd() / 'whole'}")
    assert whole.code == 0, whole.screen
    monkeypatch.setenv("STOP", str(stop))
    stopped = cli(*command)
    assert stopped.code == 1
    assert stopped.summary["status"] == "failed"
    monkeypatch.delenv("STOP")
    resumed = cli(*command)
    assert resumed.code == 0, resumed.screen
    assert "going on from" in resumed.out
    return whole, resumed


def statuses(sweep: Path) -> dict[str, str]:
    """What became of every run of a sweep, by what follows the number in its folder's name."""
    found = {}
    for path in sweep.glob("*/summary.json"):
        found[path.parent.name.partition("-")[2]] = json.loads(path.read_text())["status"]
    return found


COLOURS = ["red", "green", "blue"]
THINGS = ["apple", "house", "river", "train", "cloud", "stone", "candle", "garden", "letter", "window"]


def write_rows(path: Path, rows: int = 150, labels: list[str] = COLOURS) -> Path:
    """A CSV whose label is a word of the text: any sound model learns it in seconds."""
    lines = ["text,label"]
    for number in range(rows):
        label = labels[number % len(labels)]
        one, two = THINGS[number % 10], THINGS[(number // 10) % 10]
        lines.append(f"the {one} number {number} near a {two} is {label},{label}")
    path.write_text("\n".join(lines) + "\n")
    return path


def write_tagged(path: Path, rows: int = 60) -> Path:
    """CoNLL columns of names that a word tells apart, of one word or two: any sound tagger learns it in seconds."""
    sentences = []
    for number in range(rows):
        name, thing = COLOURS[number % 3].title(), THINGS[number % 10]
        words = [("the", "O"), (thing, "O"), (name, "B-COL"), ("saw", "O"), (f"{number}", "O")]
        if number % 2:
            words[3:3] = [("Hill", "I-COL")]
        sentences.append("".join(f"{word} {tag}\n" for word, tag in words))
    path.write_text("\n".join(sentences))
    return path


TINY = (
    "data=files",
    "model=tiny",
    "model.embedding_dim=32",
    "model.dim_feedforward=64",
    "model.num_layers=1",
    "trainer=cpu",
    "trainer.max_epochs=1",
    "logger=none",  # files and figures take a fifth of so small a run
    "data.batch_size=16",
    "tokenizer.vocab_size=300",
)


@pytest.fixture
def tiny(tmp_path: Path) -> tuple[str, ...]:
    """Overrides of a run that takes a fraction of a second."""
    return (*TINY, f"data.train_file={write_rows(tmp_path / 'rows.csv')}")
