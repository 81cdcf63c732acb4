"""A folder a class."""

import os
from pathlib import Path

import pytest

from sweepformer.data.sources.folder import Folder
from sweepformer.errors import UserError


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"text of {name}")


def test_classes(tmp_path: Path) -> None:
    write(tmp_path, "x/1.txt", "y/2.txt", "y/.hidden", ".git/z.txt")
    rows = Folder(str(tmp_path)).read().train
    assert (list(rows.labels), rows.ids) == (["x", "y"], ["x/1.txt", "y/2.txt"])


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_splits(tmp_path: Path, name: str) -> None:
    write(tmp_path, "train/x/1.txt", f"{name}/x/2.txt", "test/x/3.txt")
    raw = Folder(str(tmp_path)).read()
    assert raw.val is not None
    assert raw.test is not None
    assert [len(raw.train), len(raw.val), len(raw.test)] == [1, 1, 1]


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="folder a class"):
        Folder(str(tmp_path)).read()
    with pytest.raises(UserError, match="no folder"):
        Folder(str(tmp_path / "none")).read()
    write(tmp_path, "x/1.txt")
    (tmp_path / "x" / "2.txt").write_text("")
    with pytest.raises(UserError, match=r"2\.txt"):
        Folder(str(tmp_path)).read()


@pytest.mark.parametrize("name", [b"\xff\xfe/1.txt", b"x/\xe9.txt"])
def test_names_that_are_no_text_are_told(tmp_path: Path, name: bytes) -> None:
    write(tmp_path, "y/\U0001f600 \u05e9.txt", "x/1.txt")
    path = Path(os.fsdecode(os.fsencode(tmp_path / "") + b"/" + name))
    path.parent.mkdir(exist_ok=True)
    path.write_text("text")
    with pytest.raises(UserError, match=r"\\udc.*this name is not UTF-8"):
        Folder(str(tmp_path)).read()
