"""The folder of stores: where it is, what is in it, and how to empty it."""

import errno
import json
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sweepformer.errors import UserError
from sweepformer.files.locks import Locked, locked

KEY = "[0-9a-f]{24}"


def cache_folder(configured: str | None = None) -> Path:
    """Where stores are kept: `data.cache_dir`, else $SWEEPFORMER_CACHE, else the user's cache folder."""
    if configured:
        return Path(configured).expanduser()
    if from_environment := os.environ.get("SWEEPFORMER_CACHE"):
        return Path(from_environment)
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "sweepformer"


def check_writable(folder: Path) -> None:
    """Makes the folder; a UserError says what to do where that is not allowed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, "no permission to write")
    except OSError as error:
        raise UserError(
            f"{folder} can't be written ({error.strerror}). Choose where tokenised rows are kept with "
            "data.cache_dir=... or the environment variable SWEEPFORMER_CACHE."
        ) from error


@dataclass(frozen=True)
class Kept:
    """What a cache keeps under one key: a store, or what is left of one.

    source: the parts of the config that it was made of; rows: of all splits, None if it is no whole store;
    last_used: local time; size: bytes.
    """

    folder: Path
    key: str
    source: dict[str, Any]
    rows: int | None
    last_used: datetime
    size: int

    def remove(self) -> bool:
        """False if it is being made right now. Runs that have it open keep it until they end."""
        lock = self.folder / f"{self.key}.lock"
        try:
            with locked(lock):
                for path in _paths(self.folder, self.key):
                    shutil.rmtree(path, ignore_errors=True)
                lock.unlink()
        except Locked:
            return False
        return True


def kept(folder: Path) -> list[Kept]:
    """All that a cache keeps, what was used last first; other files in the folder are passed over."""
    names = (re.fullmatch(rf"\.?({KEY})(\.lock|-.*)?", path.name) for path in folder.iterdir())
    keys = {name[1] for name in names if name}
    return sorted((_look_at(folder, key) for key in keys), key=lambda one: one.last_used, reverse=True)


def _look_at(folder: Path, key: str) -> Kept:
    source, rows, used = {}, None, (folder / f"{key}.lock").stat().st_mtime if (folder / f"{key}.lock").exists() else 0
    about = folder / key / "store.json"
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):  # it is damaged, or no store at all
        content = json.loads(about.read_text(encoding="utf-8"))
        source, rows, used = content["source"], sum(content["report"]["rows"].values()), about.stat().st_mtime
    files = [file for path in _paths(folder, key) for file in path.rglob("*")]
    return Kept(folder, key, source, rows, datetime.fromtimestamp(used), sum(file.stat().st_size for file in files))


def _paths(folder: Path, key: str) -> list[Path]:
    """The store, and what processes that were killed have left of it."""
    return [path for path in (folder / key, *folder.glob(f".{key}-*")) if path.is_dir()]
