"""Locks on files: freed by the system when their holder dies, however it dies."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)


class Locked(Exception):
    """Another process holds the lock."""


@contextmanager
def locked(path: Path, while_waiting: str | None = None) -> Iterator[None]:
    """Hold the lock on `path`, which is made if need be. Whoever holds it may remove the file.

    Args:
        while_waiting: logged once if another process holds the lock, which is then waited for; None: don't wait.

    Raises:
        Locked: another process holds it, and `while_waiting` is None.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if while_waiting is None:
                    raise Locked(str(path)) from None
                log.info(while_waiting)
                fcntl.flock(file, fcntl.LOCK_EX)
            if _is_still(file, path):
                yield
                return


def _is_still(file: IO[str], path: Path) -> bool:
    """Whether `path` is the open file, and not another one: its holder may have removed it meanwhile."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
