"""Commands in forks of this process, which has loaded torch: each starts in a moment, and dies alone."""

import gc
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOM = 6 * 2**30  # bytes that a command may map beyond what this process has: more fails instead of the machine


@dataclass(frozen=True)
class Command:
    """A command line of `src.run`, in a folder of its own.

    arguments: its overrides, `hydra.run.dir` left out; folder: where it is typed; `run/` in it is the run's directory;
    environment: variables that are set for it; about: what the caller wants to remember of it; room: bytes that it may
    map beyond what this process has, None: any number.
    """

    arguments: list[str]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    about: Any = None
    room: int | None = ROOM

    @property
    def directory(self) -> Path:
        return self.folder / "run"


@dataclass(frozen=True)
class Ending:
    """How a command ended.

    code: its exit code, below 0 the signal it died of, None if it went on for too long; screen: all that was printed;
    message: what it said as its last word; seconds: how long it took; cpu_seconds: of the processor, which means more
    where others share it (0 if it went on for too long).
    """

    code: int | None
    screen: str
    message: str
    seconds: float
    cpu_seconds: float


def run_all(
    commands: Iterable[Command], at_once: int = 1, limit: float = 120, pause: float = 0.005
) -> Iterator[tuple[Command, Ending]]:
    """Run commands, some at once, each for at most `limit` seconds; yields them as they end.

    They are looked after every `pause` seconds. Those that are running when the caller goes no further, or is
    interrupted, are killed.
    """
    waiting, running = iter(commands), {}
    try:
        while True:
            while len(running) < at_once and (command := next(waiting, None)):
                running[_begin(command)] = command, time.monotonic()
            if not running:
                return
            for process, (command, began) in list(running.items()):
                ended = _ended(process)
                seconds = time.monotonic() - began
                if ended is None and seconds < limit:
                    continue
                if ended is None:
                    _kill(process)
                with suppress(ProcessLookupError, PermissionError):  # what it may have left running
                    os.killpg(process, signal.SIGKILL)
                del running[process]
                code, of_cpu = ended or (None, 0.0)
                screen, message = (_read(command.folder / name) for name in ("screen", "message"))
                yield command, Ending(code, screen, message, seconds, of_cpu)
            time.sleep(pause)
    finally:
        for process in running:
            _kill(process)


def run_one(command: Command, limit: float = 120) -> Ending:
    """Run one command to its end."""
    return next(run_all([command], limit=limit))[1]


def _begin(command: Command) -> int:
    command.folder.mkdir(parents=True, exist_ok=True)

    def work() -> int:
        os.setsid()  # whatever it starts can be ended with it
        if command.room is not None:
            used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
            resource.setrlimit(resource.RLIMIT_AS, (used + command.room,) * 2)
        os.chdir(command.folder)
        os.environ.update(command.environment)
        arguments = [*command.arguments, f"hydra.run.dir={command.directory}"]
        return _run(arguments, command.folder / "message")

    return fork(work, command.folder / "screen")


def _kill(process: int) -> None:
    """With all that it has started."""
    with suppress(ProcessLookupError, PermissionError):  # it may not have got so far as to be a group of its own
        os.killpg(process, signal.SIGKILL)
    os.kill(process, signal.SIGKILL)
    wait(process)


def _ended(process: int) -> tuple[int, float] | None:
    """Its exit code, and seconds of the processor; None if it has not ended."""
    found, status, used = os.wait4(process, os.WNOHANG)
    return (os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime) if found else None


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def start(arguments: tuple[str, ...], directory: Path) -> int:
    """Run a command in a fork of this process, its screen in `DIRECTORY.screen`; returns the process's id."""
    return fork(lambda: _run([*arguments, f"hydra.run.dir={directory}"]), directory.with_suffix(".screen"))


def fork(work: Callable[[], int], screen: Path) -> int:
    """Do some work in a fork of this process that exits with the code that it returns."""
    process = os.fork()
    if process == 0:
        code = 70
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # as for any command; this process may have its own way
            signal.signal(signal.SIGINT, signal.default_int_handler)
            sys.stdout = sys.stderr = screen.open("a", buffering=1, encoding="utf-8", errors="backslashreplace")
            os.dup2(sys.stdout.fileno(), 1)
            os.dup2(sys.stdout.fileno(), 2)
            code = work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return process


def _run(arguments: list[str], message: Path | None = None) -> int:
    from hydra.core.global_hydra import GlobalHydra

    from src.run import main as run

    GlobalHydra.instance().clear()
    os.environ.pop("HYDRA_FULL_ERROR", None)  # which an earlier command of this process may have set
    sys.argv = ["src/run.py", *arguments]
    try:
        run()
    except SystemExit as stop:
        if isinstance(stop.code, str):  # what the interpreter would print on its way out
            print(stop.code)
            if message:
                message.write_text(stop.code, encoding="utf-8", errors="backslashreplace")
            return 1
        return stop.code or 0
    return 0


def wait(process: int) -> int:
    """The exit code of a process that ends by itself."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def kill_after(process: int, seconds: float) -> bool:
    """Kill a process unless it ends before."""
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    return wait(process) == -signal.SIGKILL


def tidy(command: Command) -> None:
    """Remove what a command left."""
    shutil.rmtree(command.folder, ignore_errors=True)


def warm_up() -> None:
    """Load once, for all forks, what runs load as they go."""
    from contextlib import redirect_stdout
    from io import StringIO

    import pyarrow.parquet  # noqa: F401
    import torch
    from hydra.core.global_hydra import GlobalHydra

    from src.run import main
    from sweepformer.baselines import tfidf, word_features  # noqa: F401
    from sweepformer.data import spans  # noqa: F401
    from sweepformer.tasks import figures  # noqa: F401
    from sweepformer.training.loading import load_run

    torch.set_num_threads(1)
    load_run()
    before, sys.argv = sys.argv, ["src/run.py", "--cfg", "job"]  # Hydra looks for its plugins
    with redirect_stdout(StringIO()), suppress(SystemExit):
        main()
    sys.argv = before
    os.environ.pop("HYDRA_FULL_ERROR", None)
    GlobalHydra.instance().clear()
    gc.collect()
    gc.freeze()  # what is loaded stays: forks need not look through it for garbage, nor copy its pages


def run_in_fork(arguments: list[str], folder: Path, environment: dict[str, str]) -> int:
    """Run a command typed in `folder` to its end, however long it takes; its screen is kept there. Its exit code."""

    def work() -> int:
        os.chdir(folder)
        os.environ.update(environment)
        tempfile.tempdir = None
        return _run(arguments)

    return wait(fork(work, folder / "screen"))
