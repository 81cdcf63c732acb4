"""Moments in which runs are disturbed: they wait in them, or are waited for, however busy the machine is."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

HELD = ("allowed_packages=[misbehaving]", "+callbacks.hold._target_=misbehaving.Hold", "trainer.max_epochs=2")
ANNOUNCED = "This step is finished and saved, then the run ends"


class Moment:
    """The second epoch of some runs, in which they wait until they are let go.

    Args:
        runs: how the names of their folders begin.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *runs: str) -> None:
        self._folder, self._monkeypatch, self._runs = folder, monkeypatch, runs
        folder.mkdir()
        monkeypatch.setenv("HOLD", " ".join(runs))
        monkeypatch.setenv("LET_GO", str(folder / "let go"))

    def wait(self) -> None:
        """Wait until all of them are there."""
        wait_for(lambda: all(list(self._folder.glob(f"{run}*")) for run in self._runs))

    def let_go(self) -> None:
        """Let those that wait go on; no later command waits."""
        (self._folder / "let go").touch()
        self._monkeypatch.delenv("HOLD")


def wait_for(condition: Callable[[], object], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def processes_in(directory: Path) -> list[int]:
    """Processes that work in `directory`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd") == str(directory):
                found.append(int(process.name))
        except OSError:
            continue
    return found
