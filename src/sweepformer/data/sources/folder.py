"""A folder a class, a text file a row."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from sweepformer.config.kinds import LabelKind
from sweepformer.data.cells import Transform, checked_text
from sweepformer.data.columns import StringsWriter
from sweepformer.data.rows import RawSplits, Rows
from sweepformer.errors import UserError

SPLIT_NAMES = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}


class Folder:
    """`root/CLASS/FILE.txt`, or `root/train/CLASS/FILE.txt` with `val` and `test` beside `train`.

    Args:
        root: the folder. Names that begin with a dot are passed over.
        encoding: of text files that are not UTF-8; None: there may be none.
        transform: called on every raw text.
    """

    labels = LabelKind.CLASS  # of each row

    def __init__(self, root: str, encoding: str | None = None, transform: Transform | None = None) -> None:
        self.root, self.encoding, self.transform = Path(root).expanduser(), encoding, transform

    def fingerprint(self) -> str:
        """Of the files' names and contents."""
        digest = hashlib.sha256(repr(self.encoding).encode())
        for path in sorted(self._checked_root().rglob("*")):
            if path.is_file():
                digest.update(f"{path.relative_to(self.root)}|{path.stat().st_size}|".encode(errors="replace"))
                digest.update(path.read_bytes())
        return digest.hexdigest()

    def read(self) -> RawSplits:
        root = self._checked_root()
        if not (root / "train").is_dir():
            return RawSplits(train=self._rows(root))
        found = {
            split: next((root / name for name in names if (root / name).is_dir()), None)
            for split, names in SPLIT_NAMES.items()
        }
        return RawSplits(**{split: self._rows(folder) for split, folder in found.items() if folder})

    def _checked_root(self) -> Path:
        if not self.root.is_dir():
            raise UserError(f"data.root: there is no folder {self.root.absolute()}.")
        return self.root

    def _rows(self, folder: Path) -> Rows:
        texts, labels, ids = StringsWriter(), [], []
        for label, path in _class_files(folder):
            where = f"data.root: {path}"
            text = self._decode(path.read_bytes(), where)
            if "\0" in text:
                raise UserError(f"{where} holds a NUL byte: it is not a text file.")
            texts.append(checked_text(text, where, "text", self.transform))
            labels.append(label)
            ids.append(_checked_name(path.relative_to(folder).as_posix(), path))
        if not ids:
            raise UserError(f"data.root: {folder} holds no text: it needs a folder a class, with a text file a row.")
        return Rows(texts.finish(), labels, ids, origin=f"data.root: {folder}")

    def _decode(self, raw: bytes, where: str) -> str:
        try:
            return raw.decode("utf-8-sig")  # a byte-order mark is no part of the text
        except UnicodeDecodeError as error:
            if self.encoding is None:
                raise UserError(
                    f"{where} is not UTF-8 (byte {error.start}). Convert it, or give data.encoding, such as latin-1."
                ) from error
        try:
            return raw.decode(self.encoding)
        except (UnicodeDecodeError, LookupError) as error:
            raise UserError(f"{where} can't be read with data.encoding={self.encoding}: {error}.") from error


def _checked_name(name: str, path: Path) -> str:
    """Names become labels and ids. On Linux they may be any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UserError(f"data.root: {str(path)!a}: this name is not UTF-8. Rename the folder or the file.") from None
    return name


def _class_files(folder: Path) -> Iterator[tuple[str, Path]]:
    for class_folder in sorted(folder.iterdir()):
        if class_folder.is_dir() and not class_folder.name.startswith("."):
            for path in sorted(class_folder.iterdir()):
                if path.is_file() and not path.name.startswith("."):
                    yield class_folder.name, path
