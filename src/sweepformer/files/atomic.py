"""Files that are whole or absent: written beside their place, synced and renamed; what is damaged is told."""

import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

UNFINISHED = ".part"  # how the names of files end that are being written
SEAL = "checksums.sha256"  # as the command sha256sum writes it: `sha256sum -c` checks it too


class Damaged(ValueError):
    """A file is not what was written: torn, changed, or somebody else's. The message says which, and how."""


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda temporary: Path(temporary).write_text(text, encoding="utf-8"))


def replace_file(path: Path, write: Callable[[str], Any]) -> None:
    """Let `write` make a file beside `path`, sync it and rename it over `path`."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", suffix=UNFINISHED, dir=path.parent)
    os.close(handle)
    try:
        write(temporary)
        sync(Path(temporary))
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, beside `path` and renamed to it in the end; if that isn't reached nothing is left of it.

    Raises:
        FileExistsError: there is something at `path`.
        OSError: it can't be written.
    """
    if path.exists():
        raise FileExistsError(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{path.name}-", suffix=UNFINISHED, dir=path.parent))
    try:
        yield building
        for one in (*building.rglob("*"), building):
            one.chmod(0o755 if one.is_dir() else 0o644)
            sync(one)
        os.rename(building, path)
        sync(path.parent)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def sync(path: Path) -> None:
    """Wait until a file's contents, or a folder's entries, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_unfinished(folders: Iterable[Path], name: str = "") -> None:
    """Remove half-written files called `name`, "": any, that killed processes left. Nobody may be writing there."""
    for folder in folders:
        for left in folder.glob(f".{glob.escape(name)}*{UNFINISHED}"):
            left.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that is in it; of a link to one the link only."""
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder)


def seal(folder: Path) -> None:
    """Write the checksums of a folder's files, not of folders in it, beside them; wait until all is on the disk."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != SEAL)
    with ThreadPoolExecutor() as readers:
        lines = [f"{digest}  {path.name}\n" for digest, path in zip(readers.map(_digest, files), files, strict=True)]
    (folder / SEAL).write_text("".join(lines), encoding="utf-8")
    for path in (*files, folder / SEAL, folder):
        sync(path)


def check_seal(folder: Path, needed: Iterable[str] | None = None) -> None:
    """Compare the files of a folder with the checksums that `seal` wrote.

    needed: names that must be among them, where others may have come since; None: all that the folder holds.

    Raises:
        Damaged: naming the first file that is not as it was, or not of this folder.
        FileNotFoundError: there is no seal.
    """
    text = (folder / SEAL).read_text(encoding="utf-8")
    expected = {name: digest for digest, _, name in (line.partition("  ") for line in text.splitlines())}
    for name in expected:
        path = folder / name
        plain = not path.is_symlink() and (path.is_file() or not path.exists())  # no pipe; it may be missing
        if path.parent != folder or not plain:
            raise Damaged(f"{SEAL} names {name}, which is no file of this folder's own")
    present = (path.name for path in folder.iterdir()) if needed is None else needed
    if unsealed := set(present) - expected.keys() - {SEAL}:
        raise Damaged(f"{SEAL} is cut short, or {min(unsealed)} was put there later")
    with ThreadPoolExecutor() as readers:
        found = list(readers.map(_digest, (folder / name for name in expected)))
    for (name, digest), now in zip(expected.items(), found, strict=True):
        if digest != now:
            raise Damaged(f"{name} is not as it was written")


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
