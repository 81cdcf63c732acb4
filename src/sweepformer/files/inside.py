"""What a folder says of itself stays inside of it.

A run, a sweep or a store may come from somebody else, in an archive. No name in its files and no link among them may
have a file outside of the folder taken for its own, written, shortened or removed.
"""

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from sweepformer.errors import UserError


def inside(folder: Path, name: str) -> Path:
    """The file of a folder that something in it calls `name`.

    A link in the folder may lead out of it, as its checkpoints may lie on another disk; a name may not.

    Raises:
        ValueError: that is no file in the folder.
    """
    path = folder / str(name)
    by_name = path.is_relative_to(folder) and ".." not in path.relative_to(folder).parts
    if path == folder or not (by_name or Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))):
        raise ValueError(f"{name} is not in {folder}")
    return path


def refuse_links_out(folder: Path, names: Iterable[str], but: Collection[str] = ()) -> None:
    """Refuse a folder in which a link leads out: what is written through it would change somebody else's file.

    names: patterns, of the files and folders to look at; but: names of those that may lie elsewhere.

    Raises:
        UserError: naming the link and where it leads.
    """
    home = os.path.realpath(folder)
    for path in (path for pattern in names for path in folder.glob(pattern)):
        if path.is_symlink() and path.name not in but and not Path(os.path.realpath(path)).is_relative_to(home):
            raise UserError(
                f"{path} is a link to {os.readlink(path)}, outside of its folder: what is written there would change "
                "somebody else's file. Remove the link, or put what it leads to in its place."
            )
