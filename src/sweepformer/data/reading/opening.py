"""A file's characters, whatever it is packed in and however they are written."""

import bz2
import codecs
import gzip
import io
import lzma
import sys
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from sweepformer.errors import UserError, listed

STANDARD_INPUT = Path("-")
SAMPLE = 1 << 24  # bytes of a file, unpacked, that its form is seen from
PACKED = {".gz": b"\x1f\x8b", ".bz2": b"BZh", ".xz": b"\xfd7zXZ\0", ".zst": b"\x28\xb5\x2f\xfd", ".zip": b"PK\x03\x04"}
TABLES = (".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".fasta", ".fa")  # by which one in a zip is known
MARKS = {  # of byte orders; the longer ones first
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Opened:
    """A file that has something in it, or standard input.

    key: the config key that named it, for messages; ending: what tells its format, such as ".csv", in lower case and
    without that of its packing; packing: such as ".gz", None if there is none; sample: its first bytes, unpacked.
    """

    path: Path
    key: str
    ending: str
    packing: str | None
    sample: bytes

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.key}: {'standard input' if self.path == STANDARD_INPUT else self.path}"

    @property
    def sample_is_whole(self) -> bool:
        """Whether the sample is all there is; of standard input nobody knows."""
        return self.path != STANDARD_INPUT and len(self.sample) < SAMPLE

    @contextmanager
    def bytes(self) -> Iterator[BinaryIO]:
        """All its bytes, unpacked; standard input can be read once.

        Raises:
            UserError: here or while they are read: they can't be unpacked.
        """
        try:
            if self.path == STANDARD_INPUT:
                yield io.BufferedReader(_Rest(self.sample, sys.stdin.buffer))  # type: ignore[arg-type]
                return
            with _unpacked(self.path, self.packing) as file:
                yield file
        except DAMAGE as error:
            raise UserError(f"{self.name} can't be unpacked ({error}). The file is damaged or incomplete.") from error

    @contextmanager
    def text(self, encoding: str) -> Iterator[io.TextIOWrapper]:
        """All its characters, line ends as they are.

        Raises:
            UserError: here or while they are read: they can't be unpacked, or are not of that encoding.
        """
        with self.bytes() as file:
            try:
                yield io.TextIOWrapper(file, encoding=encoding, newline="")
            except UnicodeError as error:
                raise self._not_of(encoding, error) from error

    def numbered_lines(self, encoding: str) -> Iterator[tuple[int, str]]:
        """All lines, with their ends, counted from 1."""
        with self.text(encoding) as file:
            yield from enumerate(file, 1)

    def encoding(self, asked: str | None) -> str:
        """That which was asked for, or that of its mark, or else UTF-8.

        Raises:
            UserError: there is no such encoding, or the sample is not of it.
        """
        start = self.sample[:1000]
        if asked is None and not start.startswith(tuple(MARKS)) and start.count(0) > len(start) / 4:
            order = "le" if start[1::2].count(0) > start[::2].count(0) else "be"
            raise UserError(
                f"{self.name} holds NUL bytes: it is no text, or UTF-16 without a mark (then give "
                f"data.encoding=utf-16-{order}), or damaged."
            )
        encoding = asked or next((name for mark, name in MARKS.items() if self.sample.startswith(mark)), "utf-8")
        try:
            codecs.getincrementaldecoder(encoding)().decode(self.sample)
        except LookupError:
            raise UserError(f"data.encoding={asked}: there is no such encoding. Known are utf-8, cp1252, ...") from None
        except UnicodeError as error:
            raise self._not_of(encoding, error) from error
        return encoding

    def guess(self) -> str | None:
        """An encoding that may be that of a sample without a mark, UTF-8 or NULs in it; None of others."""
        if b"\0" in self.sample[:1000]:
            return None
        try:
            self.encoding(None)
        except UserError:
            return _guessed(self.sample)
        return None

    def _not_of(self, encoding: str, error: UnicodeError) -> UserError:
        if not encoding.startswith("utf-8"):
            return UserError(
                f"{self.name} can't be read with data.encoding={encoding}: {error}. Name another, or none for UTF-8."
            )
        if self.path == STANDARD_INPUT:
            return UserError(f"{self.name} is not UTF-8 ({error}). Convert it first (iconv), or give data.encoding.")
        with self.bytes() as file:
            number, line, byte = _first_undecodable(file)
        guess = _guessed(self.sample if len(line) < 30 else line)
        return UserError(
            f"{self.name} is not UTF-8: line {number} holds byte 0x{byte:02x}. Give its encoding, such as "
            f"data.encoding={guess}, which reads there {_around(line, guess)!r}."
        )


def open_file(path: Path, key: str, ending: str | None = None) -> Opened:
    """A file, and what it begins with.

    Args:
        path: the file, or `STANDARD_INPUT`, which is read once.
        key: the config key that named it, for messages.
        ending: what tells its format; None: that of its name.

    Raises:
        UserError: there is nothing in it, or it can't be unpacked.
    """
    if path == STANDARD_INPUT:
        return Opened(path, key, ending or "", None, sys.stdin.buffer.read1(SAMPLE))  # type: ignore[union-attr]
    check_file(path, key)
    try:
        with path.open("rb") as file:
            packing = next((name for name, magic in PACKED.items() if file.peek(8).startswith(magic)), None)
    except OSError as error:
        raise UserError(f"{key}: {path} can't be read ({error.strerror}).") from error
    name = PurePosixPath(path.name.lower())
    if packing == ".zip" and name.suffix == ".xlsx":
        packing = None  # is one itself
    if name.suffix in PACKED and name.suffix != packing:
        raise UserError(f"{key}: {path} can't be unpacked: it is not a {name.suffix} file, though its name says so.")
    opened = Opened(path, key, "", packing, b"")
    inner = name.with_suffix("") if name.suffix in PACKED else name
    if packing == ".zip":
        try:
            inner = PurePosixPath(_member(path, key).lower())
        except DAMAGE as error:
            raise UserError(f"{key}: {path} can't be unpacked ({error}). The file is damaged or incomplete.") from error
    with opened.bytes() as file:
        sample = file.read(SAMPLE)
    if not sample:
        raise UserError(f"{key}: {path} is empty.")
    return Opened(path, key, ending or inner.suffix, packing, sample)


def check_file(path: Path, key: str) -> None:
    """Raises a UserError unless there is something in the file."""
    if not path.exists():
        raise UserError(f"{key}: there is no file {path.absolute()}.")
    if path.is_dir():
        raise UserError(f"{key}: {path} is a folder. Name a file, or use data=folder data.root={path}.")
    if path.stat().st_size == 0:
        raise UserError(f"{key}: {path} is empty.")


class _Rest(io.RawIOBase):
    """What was read of a stream, and then the rest of it."""

    def __init__(self, begun: bytes, stream: BinaryIO) -> None:
        self._begun, self._stream = memoryview(begun), stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not len(self._begun):
            found = self._stream.read1(len(buffer))  # type: ignore[attr-defined]
        else:
            found, self._begun = self._begun[: len(buffer)], self._begun[len(buffer) :]
        buffer[: len(found)] = found
        return len(found)


@contextmanager
def _unpacked(path: Path, packing: str | None) -> Iterator[BinaryIO]:
    if packing == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(_member(path, "")) as file:
            yield file  # type: ignore[misc]
    elif packing == ".zst":
        import pyarrow

        with pyarrow.CompressedInputStream(pyarrow.OSFile(str(path)), "zstd") as file:
            yield io.BufferedReader(file)
    else:
        openers: dict[str | None, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, None: Path.open}
        with openers[packing](path, "rb") as file:
            yield file


def _member(path: Path, key: str) -> str:
    """The one file in an archive; what systems put beside it is passed over."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    names = [name for name in names if not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))]
    tables = [name for name in names if PurePosixPath(name.lower()).suffix in TABLES]
    names = tables if len(tables) == 1 else names
    if len(names) != 1:
        raise UserError(
            f"{key}: {path} holds {len(names)} files: {listed(names, 5)}. One table a zip can be read: unpack it, and "
            "name the files."
        )
    return names[0]


def _first_undecodable(file: BinaryIO) -> tuple[int, bytes, int]:
    """Line number, line and byte: the text layer decodes many lines at a time and doesn't know which it was."""
    for number, line in enumerate(file, 1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            return number, line, line[error.start]
    raise AssertionError("every line could be decoded")


def _guessed(raw: bytes) -> str:
    """An encoding that may be that of bytes which are not UTF-8.

    Libraries tell one script from another well, and the encodings of Latin letters badly: of these the commonest is
    named.
    """
    from charset_normalizer import from_bytes

    best = from_bytes(raw[: 1 << 16]).best()
    strange = [char for char in str(best or "") if char.isalpha() and not char.isascii()]
    is_latin = all(unicodedata.name(char, "").startswith("LATIN") for char in strange)
    return "cp1252" if best is None or is_latin else best.encoding


def _around(line: bytes, encoding: str) -> str:
    """The word where UTF-8 ends, and those beside it, in another encoding."""
    text = line.decode(encoding, errors="replace").strip()
    place = next((number for number, char in enumerate(text) if not char.isascii()), 0)
    return text[max(place - 20, 0) : place + 20]
