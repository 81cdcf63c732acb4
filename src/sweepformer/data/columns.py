"""Columns of more rows than would fit in memory as lists of strings."""

import mmap
import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, overload

import numpy as np


class Strings(Sequence[str]):
    """Strings that lie in a file, one after another in UTF-8, and are read where they are asked for.

    Args:
        file: what holds them; mapped into memory, so that it may be closed, and even removed, at once.
        starts, ends: (rows,) int64, bytes.
    """

    def __init__(self, file: BinaryIO, starts: np.ndarray, ends: np.ndarray) -> None:
        empty = os.fstat(file.fileno()).st_size == 0
        self._bytes: mmap.mmap | bytes = b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._starts, self._ends = starts, ends

    @classmethod
    def open(cls, path: Path) -> "Strings":
        """Read what `save_strings` wrote."""
        offsets = np.load(f"{path}.offsets.npy")
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != offsets[-1]:
                raise ValueError(f"{path} is cut short")
            return cls(file, offsets[:-1], offsets[1:])

    def select(self, indices: np.ndarray) -> "Strings":
        """The strings with these numbers, in this order; the file is shared."""
        selected = object.__new__(Strings)
        selected._bytes, selected._starts, selected._ends = self._bytes, self._starts[indices], self._ends[indices]
        return selected

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            spans = zip(self._starts[index].tolist(), self._ends[index].tolist(), strict=True)
            return [self._bytes[start:end].decode() for start, end in spans]
        return self._bytes[self._starts[index] : self._ends[index]].decode()

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), 1000):
            yield from self[start : start + 1000]


class StringsWriter:
    """Collects strings in a temporary file without a name: the system removes it, however the process ends."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `finish`
        self._ends = array("q", [0])

    def append(self, string: str) -> None:
        self._ends.append(self._ends[-1] + self._file.write(string.encode()))

    def finish(self) -> Strings:
        """All that was appended."""
        self._file.flush()
        ends = np.array(self._ends)
        with self._file:
            return Strings(self._file, ends[:-1], ends[1:])


def save_strings(strings: Iterable[str], path: Path) -> None:
    """Write strings to `path`, and where each begins and ends to a file beside it, for `Strings.open`."""
    ends = array("q", [0])
    with path.open("wb") as file:
        for string in strings:
            ends.append(ends[-1] + file.write(string.encode()))
    np.save(f"{path}.offsets.npy", np.array(ends))


@dataclass(frozen=True)
class Categories(Sequence[str]):
    """Strings of few kinds.

    names: those that occur, sorted; codes: (rows,) int32, which of them each row has.
    """

    names: list[str]
    codes: np.ndarray

    @classmethod
    def of(cls, strings: Iterable[str]) -> "Categories":
        """Sorts out any strings; Categories are returned as they are."""
        if isinstance(strings, Categories):
            return strings
        numbers: dict[str, int] = {}
        codes = np.fromiter((numbers.setdefault(one, len(numbers)) for one in strings), dtype=np.int32)
        return cls(list(numbers), codes).select(np.arange(len(codes)))

    @property
    def counts(self) -> np.ndarray:
        """(names,) int64, rows of each."""
        return np.bincount(self.codes, minlength=len(self.names))

    def select(self, indices: np.ndarray) -> "Categories":
        """The rows with these numbers, in this order, and the names that occur in them."""
        codes = self.codes[indices]
        present = np.flatnonzero(np.bincount(codes, minlength=len(self.names)))
        ordered = sorted(present.tolist(), key=lambda code: self.names[code])
        renumbered = np.zeros(len(self.names), dtype=np.int32)
        renumbered[ordered] = np.arange(len(ordered))
        return Categories([self.names[code] for code in ordered], renumbered[codes])

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self.names[code] for code in self.codes[index]]
        return self.names[self.codes[index]]
