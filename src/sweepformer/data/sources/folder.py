"""A folder a class, a text file a row; or a file a class, a line a row."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sweepformer.config.kinds import LabelKind
from sweepformer.data.cells import CellError, Transform, checked_text
from sweepformer.data.columns import StringsWriter
from sweepformer.data.complaints import Complaints
from sweepformer.data.reading.opening import open_file
from sweepformer.data.rows import RawSplits, Rows
from sweepformer.errors import UserError

LINES = re.compile(r"^[^.].*\.(txt|log)(\.\w+)?$", re.IGNORECASE)  # files that hold a text a line
SPLIT_NAMES = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}


class Folder:
    """`root/CLASS/FILE.txt`, a text a file; or `root/CLASS.txt`, a text a line. With `train`, `val` and `test` in
    `root`, these hold the same each.

    Args:
        root: the folder. Names that begin with a dot are passed over.
        encoding: of text files that are not UTF-8; None: there may be none.
        blank: "refuse" texts that are nothing but white space, or "drop" them.
        transform: called on every raw text.
    """

    labels = LabelKind.CLASS  # of each row

    def __init__(
        self, root: str, encoding: str | None = None, blank: str = "refuse", transform: Transform | None = None
    ) -> None:
        self.root, self.encoding, self.transform = Path(root).expanduser(), encoding, transform
        self.blank = blank

    def fingerprint(self) -> str:
        """Of the files' names and contents."""
        digest = hashlib.sha256((repr(self.encoding) + self.blank.removeprefix("refuse")).encode())
        for path in sorted(self._checked_root().rglob("*")):
            if path.is_file():
                digest.update(f"{path.relative_to(self.root)}|{path.stat().st_size}|".encode(errors="replace"))
                digest.update(path.read_bytes())
        return digest.hexdigest()

    def read(self) -> RawSplits:
        return RawSplits(**{split: self._rows(folder) for split, folder in self.parts().items()})

    def parts(self) -> dict[str, Path]:
        """The folder of each split that there is."""
        root = self._checked_root()
        if not (root / "train").is_dir():
            return {"train": root}
        found = {
            split: next((root / name for name in names if (root / name).is_dir()), None)
            for split, names in SPLIT_NAMES.items()
        }
        return {split: folder for split, folder in found.items() if folder}

    def held_out(self) -> tuple[Path, Iterator[tuple[str, str, str, str]]]:
        """The split that was not trained on, as far as there is one: its folder, and the texts in it with their class
        before them, their identity and where they stand."""
        root = self._checked_root()
        names = [name for split in ("test", "val", "train") for name in SPLIT_NAMES[split]]
        folder = next((root / name for name in names if (root / name).is_dir()), root)
        return folder, self.texts(folder, list(_class_files(folder)))  # before something else is written there

    def _checked_root(self) -> Path:
        if not self.root.is_dir():
            raise UserError(f"data.root: there is no folder {self.root.absolute()}.")
        return self.root

    def _rows(self, folder: Path) -> Rows:
        origin = f"data.root: {folder}"
        texts, labels, ids, complaints = StringsWriter(), [], [], Complaints()
        found = blank = 0
        for label, identity, where, text in self.texts(folder):
            found += 1
            try:
                texts.append(checked_text(text, f"data.root: {where}", "text", self.transform))
            except CellError as error:
                if error.blank and self.blank == "drop":
                    blank += 1
                else:
                    complaints.add(error.kind, where, str(error))
                continue
            labels.append(label)
            ids.append(identity)
        complaints.tell()
        account = f"{origin}: {found:,} rows" + (f"; left out: {blank:,} without a text" if blank else "")
        rows = Rows(texts.finish(), labels, ids, origin=origin)
        rows.account = account
        return rows

    def texts(
        self, folder: Path, files: Iterable[tuple[str, Path]] | None = None
    ) -> Iterator[tuple[str, str, str, str]]:
        """Each text with its class before it, its identity and where it stands. files: of a folder a class, where they
        are known."""
        found = False
        for label, path in files if files is not None else _class_files(folder):
            found = True
            yield label, _checked_name(path.relative_to(folder).as_posix(), path), str(path), self._decode(path)
        for path in [] if found else sorted(folder.iterdir()):
            if path.is_file() and path.stat().st_size and LINES.search(path.name):
                file = open_file(path, "data.root")
                label = Path(_checked_name(path.name, path).removesuffix(file.packing or "")).stem
                for number, line in file.numbered_lines(file.encoding(self.encoding)):
                    if line.strip():
                        found = True
                        yield label, f"{path.name}:{number}", f"{path}, line {number}", line.strip()

        if not found:
            raise UserError(
                f"data.root: {folder} holds no text: it needs a folder a class, with a text file a row; or a file a "
                "class, CLASS.txt, with a text a line."
            )

    def _decode(self, path: Path) -> str:
        raw, where = path.read_bytes(), f"data.root: {path}"
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
