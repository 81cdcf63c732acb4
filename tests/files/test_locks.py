"""A lock is held by one process, and freed when that one ends."""

import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from sweepformer.files.locks import Locked, locked

SPAWN = multiprocessing.get_context("spawn")


def test_a_lock_that_was_removed_is_held_by_one(tmp_path: Path) -> None:
    """Whoever waited for a removed file holds nothing, and begins again with the new one."""
    path = tmp_path / "lock"
    order = []

    def wait() -> None:
        with locked(path, "waiting"):
            order.append("second")

    with locked(path):
        waiter = threading.Thread(target=wait)
        waiter.start()
        time.sleep(0.2)
        path.unlink()
    with locked(path, "waiting"):
        order.append("somebody")
    waiter.join(5)
    assert sorted(order) == ["second", "somebody"]
    with locked(path), pytest.raises(Locked), locked(path):
        pass


def hold(path: Path, tell: Connection) -> None:
    with locked(path):
        tell.send("held")
        time.sleep(60)


def test_a_lock_ends_with_its_holder_however_that_ends(tmp_path: Path) -> None:
    told, tell = SPAWN.Pipe()
    holder = SPAWN.Process(target=hold, args=(tmp_path / "lock", tell))
    holder.start()
    assert told.recv() == "held"
    with pytest.raises(Locked), locked(tmp_path / "lock"):
        pass
    os.kill(holder.pid or 0, signal.SIGKILL)
    holder.join()
    with locked(tmp_path / "lock"):
        pass


def is_free(path: Path, tell: Connection) -> None:
    try:
        with locked(path):
            tell.send(True)
    except Locked:
        tell.send(False)


def test_a_forked_process_that_ends_frees_nothing(tmp_path: Path) -> None:
    told, tell = SPAWN.Pipe()
    me = os.getpid()
    try:
        with locked(tmp_path / "lock"):
            if not (child := os.fork()):
                raise KeyboardInterrupt  # it leaves the block too
            os.waitpid(child, 0)
            other = SPAWN.Process(target=is_free, args=(tmp_path / "lock", tell))
            other.start()
            assert told.recv() is False
            other.join()
    except KeyboardInterrupt:
        assert os.getpid() != me
        os._exit(0)
