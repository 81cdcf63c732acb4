"""Fixtures of commands in processes of their own, and of what this process must not leave to others."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Cli, Result
from forked_commands import Start, Started, load

IMPORTED = f"{ROOT}:{ROOT / 'src'}:{ROOT / 'tests'}"  # from where they import
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2)


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Handlers of signals end with their test: libraries leave some, which processes of later tests would inherit."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in a shell's background starts without
    before = {one: signal.getsignal(one) for one in SIGNALS}
    yield
    for one, handler in before.items():
        if signal.getsignal(one) is not handler:
            signal.signal(one, handler)


@pytest.fixture(scope="session")
def loaded() -> None:
    """A process that has loaded torch, to be forked; in a folder that no test looks for processes in."""
    with pytest.MonkeyPatch.context() as now:
        now.chdir(ROOT)
        now.setenv("PYTHONPATH", IMPORTED)
        load()


@pytest.fixture
def typed(tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of commands that run in processes and a folder of their own."""
    monkeypatch.setenv("SWEEPFORMER_CACHE", str(shared_cache))
    monkeypatch.setenv("PYTHONPATH", IMPORTED)
    for variable in ("COV_CORE_SOURCE", "COVERAGE_PROCESS_START", "HYDRA_FULL_ERROR"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def start(loaded: None, typed: None, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Call with a command's arguments: starts it as a user does, in a process of its own. What is left is killed."""
    running: list[Started] = []

    def begin(*arguments: str) -> Started:
        running.append(Started(arguments, tmp_path, tmp_path_factory.mktemp("screen")))
        return running[-1]

    yield begin
    for command in running:
        command.kill()


@pytest.fixture
def shell(start: Start, tmp_path: Path) -> Cli:
    """Call with a command's arguments: runs it as a user does, in a process and a folder of its own."""

    def run(*arguments: str) -> Result:
        command = start(*arguments)
        code = command.wait()
        return Result(code, command.out, command.err, tmp_path)

    return run


@pytest.fixture
def hold(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Call with how names of runs begin: those of commands that are started then, with `moments.HELD`, wait.

    Returns the `moments.Moment` in which they do.
    """
    from moments import Moment

    return lambda *runs: Moment(tmp_path_factory.mktemp("moment") / "held", monkeypatch, *runs)


@pytest.fixture
def interpreter(typed: None, tmp_path: Path) -> Cli:
    """Call with a command's arguments: runs it in a new interpreter, which loads torch first.

    For what that alone shows: its hashes, and the same command that is started again for further processes.
    """

    def run(*arguments: str) -> Result:
        command = [sys.executable, "-m", "src.run", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        return Result(done.returncode, done.stdout, done.stderr, tmp_path)

    return run
