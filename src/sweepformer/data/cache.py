"""The folder of stores: where it is, what is in it, and how to empty it."""

import errno
import json
import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sweepformer.errors import UserError
from sweepformer.locks import Locked, locked


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
class CachedStore:
    """What is known of a store without opening it.

    source: the parts of the config that it was made of; rows: of all splits; last_used: local time; size: bytes.
    """

    path: Path
    source: dict[str, dict[str, object]]
    rows: int
    last_used: datetime
    size: int

    @property
    def key(self) -> str:
        return self.path.name

    def remove(self) -> bool:
        """False if it is being made right now. Runs that have it open keep it until they end."""
        lock = self.path.with_suffix(".lock")
        try:
            with locked(lock):
                shutil.rmtree(self.path)
                lock.unlink()
        except Locked:
            return False
        return True


def cached_stores(folder: Path) -> list[CachedStore]:
    """The stores in a folder, the one used last first."""
    stores = []
    for about in folder.glob("*/store.json"):
        content = json.loads(about.read_text(encoding="utf-8"))
        stores.append(
            CachedStore(
                path=about.parent,
                source=content.get("source", {}),
                rows=sum(content["report"]["rows"].values()),
                last_used=datetime.fromtimestamp(about.stat().st_mtime),
                size=sum(path.stat().st_size for path in about.parent.iterdir()),
            )
        )
    return sorted(stores, key=lambda store: store.last_used, reverse=True)
