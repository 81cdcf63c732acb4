"""Runs' directories, as far as they are typed."""

import re
from pathlib import Path

from sweepformer.inference.finding import MARK

NOT_PLAIN = re.compile(r"([^\w@%+=:,./~-])")  # what a shell takes for something of its own


def run_folders(word: str) -> list[str]:
    """The runs that a path may go on to, and folders that hold some, with a backslash before each special character.

    A run ends in a space; a folder, which may be a sweep, in a slash. Nothing where no run is near, so that the shell
    offers its files: a checkpoint may be meant.
    """
    above, slash, begun = word.rpartition("/")
    try:
        folders = sorted(one for one in Path(above + slash).expanduser().iterdir() if one.name.startswith(begun))
        ends = {one.name: end for one in folders if begun or one.name[0] != "." if (end := _end(one))}
    except (OSError, RuntimeError):  # no such folder, not ours to read, no such user
        return []
    return [NOT_PLAIN.sub(r"\\\1", above + slash + name) + end for name, end in ends.items()]


def _end(folder: Path) -> str:
    if (folder / MARK).is_file():
        return " "
    return "/" if any(next(folder.glob(level), None) for level in (f"*/{MARK}", f"*/*/{MARK}")) else ""
