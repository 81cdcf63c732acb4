"""Locks on files: freed by the system when their holder dies, however it dies."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)


class Locked(Exception):
    """Another process holds the lock."""


@contextmanager
def locked(path: Path, while_waiting: str | None = None) -> Iterator[None]:
    """Hold the lock on `path`, which is made if need be. Whoever holds it may remove the file.

    A process that is forked meanwhile doesn't hold it, and frees nothing when it ends.

    Args:
        while_waiting: logged once if another process holds the lock, which is then waited for; None: don't wait.

    Raises:
        Locked: another process holds it, and `while_waiting` is None.
        OSError: the file can't be made, or its file system knows no locks.
    """
    lock = claim(path)
    if lock is None and while_waiting is not None:
        log.info(while_waiting)
        lock = claim(path, wait=True)
    if lock is None:
        raise Locked(str(path))
    try:
        yield
    finally:
        lock.release()


def claim(path: Path, wait: bool = False) -> FileLock | None:
    """The lock on `path`, held until it is released or this process ends; None if another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Where the file system knows no locks, one that stands for as long as the file is there would outlive its holder.
    lock = FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(blocking=wait)
    except Timeout:
        return None
    return lock
