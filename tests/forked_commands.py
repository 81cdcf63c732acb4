"""Commands of src.run, each in a process of its own, which is forked from one that has loaded torch.

To load it takes seconds. In the process that is forked nothing else has happened, neither a run nor a test, and what a
fork finds (folder, environment, signals, screen) is what a command finds that is typed in a shell.
"""

import atexit
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path

PARENT = multiprocessing.get_context("forkserver")


class Started:
    """A command that was started; its standard output and error are kept in a folder.

    Args:
        arguments: what is typed after `python -m src.run`, in the environment that this process has now.
        folder: where it is typed.
        screen: a folder for what it prints.
    """

    def __init__(self, arguments: tuple[str, ...], folder: Path, screen: Path) -> None:
        self._out, self._err = screen / "out", screen / "err"
        typed = (arguments, folder, dict(os.environ), self._out, self._err)
        self._process = PARENT.Process(target=_type, args=typed)
        self._process.start()

    def send_signal(self, number: int) -> None:
        assert self._process.pid
        os.kill(self._process.pid, number)

    def wait(self, seconds: float = 300) -> int:
        """Its exit code when it has ended, as subprocess tells it.

        Raises:
            TimeoutError: it has not ended in time, and is killed.
        """
        self._process.join(seconds)
        if self._process.exitcode is None:
            self.kill()
            raise TimeoutError(f"not at its end after {seconds} seconds:\n{self.screen}")
        return self._process.exitcode

    def kill(self) -> None:
        """End it at once, if it hasn't ended."""
        self._process.kill()
        self._process.join()

    @property
    def out(self) -> str:
        return _read(self._out)

    @property
    def err(self) -> str:
        return _read(self._err)

    @property
    def screen(self) -> str:
        """All that it has printed so far."""
        return self.out + self.err


Start = Callable[..., Started]


def load() -> None:
    """Start the process that is forked; needs the project and its tests in PYTHONPATH."""
    PARENT.set_forkserver_preload(["warmed_up"])
    forkserver.ensure_running()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _type(arguments: tuple[str, ...], folder: Path, environment: dict[str, str], out: Path, err: Path) -> None:
    """Be the command: all that a shell and a new interpreter would set."""
    assert "warmed_up" in sys.modules, "torch would be loaded again and again"
    multiprocessing.set_start_method(None, force=True)  # a fork server's children would have theirs from it
    for number, path in ((1, out), (2, err)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    from src import run

    sys.argv = [run.__file__, *arguments]
    try:
        run.main()
    finally:
        atexit._run_exitfuncs()  # which a fork leaves out
