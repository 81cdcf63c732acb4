"""A file that takes long to write: whole or absent, and what was written of it is kept for whoever goes on.

While it is being written there is a folder beside it, `NAME.part`, with the rows so far and `progress.json`, which
says how many of them count. After a kill the rest is cut off and written again, to the same bytes.
"""

import json
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sweepformer.config.plain import differences
from sweepformer.errors import UserError
from sweepformer.files.atomic import replace_file, sync, write_text
from sweepformer.files.locks import Locked, locked
from sweepformer.inference.tables import Chunk, TextTable, compressed, plain_column

PROGRESS = "progress.json"


@dataclass
class FileProgress:
    """How far it is. of: what it is made of, which must be the same for whoever goes on; rows: written; parts: written
    files or calls; size: bytes written; counts: whatever is counted on the way.
    """

    of: dict[str, Any]
    rows: int = 0
    parts: int = 0
    size: int = 0
    counts: dict[str, float] = field(default_factory=dict)


class Unfinished(ABC):
    """The file while it is being written.

    path: where it will be; of: what it is made of, plain; resume: go on with what is there; overwrite: begin anew,
    whatever is there; what is at `path` stays until it is replaced.
    """

    def __init__(self, path: Path, of: dict[str, Any], resume: bool = False, overwrite: bool = False) -> None:
        self.path, self.folder = path, path.with_name(path.name + ".part")
        self._of, self._resume, self._overwrite = of, resume, overwrite
        self.progress = FileProgress(of)

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold it against other processes; says whether there is anything to write.

        A UserError says if something would be lost, belongs to another command, or can't be written.
        """
        try:
            if self._is_whole():
                yield False
                return
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"{self.path} can't be written ({error.strerror}): name another file.") from error
            with locked(self.folder / ".lock"):
                self._begin()
                yield True
        except Locked:
            raise UserError(f"{self.path} is being written by another process. Wait for it, or stop it.") from None

    def _is_whole(self) -> bool:
        left = self._read()
        if self.path.exists() and not self._overwrite:
            if not self._resume:
                raise UserError(f"{self.path} is there already: name another file, or give --overwrite.")
            if left is None or self.is_in_place():
                self.remove()
                return True
        if left is not None and not (self._resume or self._overwrite):
            raise UserError(
                f"{self.path} was begun, and {left.rows:,} rows of it are in {self.folder}: give --resume to go on, "
                "or --overwrite to begin anew."
            )
        return False

    def _begin(self) -> None:
        left = self._read() if self._resume else None
        if left is not None and (other := differences(left.of, self._of)):
            raise UserError(
                f"{self.folder} is of another command, which --resume can't go on with:\n  "
                + "\n  ".join(other)
                + "\nGive what it was given, or --overwrite to begin anew."
            )
        self.progress = left or self.progress
        self.cut_back(self.progress)
        self._save()

    def _read(self) -> FileProgress | None:
        try:
            return FileProgress(**json.loads((self.folder / PROGRESS).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _save(self) -> None:
        write_text(self.folder / PROGRESS, json.dumps(asdict(self.progress)))

    def write(self, chunk: Chunk, added: dict[str, Any], counts: dict[str, float]) -> None:
        """Write some rows; from then on they count."""
        self.progress.size += self.append(chunk, added)
        self.progress.rows += len(chunk.records)
        self.progress.parts += 1
        self.progress.counts = counts
        self._save()

    def finish(self) -> None:
        """Put the file in its place."""
        os.replace(self.joined(), self.path)
        sync(self.path.absolute().parent)
        self.remove()

    def remove(self) -> None:
        """All that is beside the file's place; what says that it counts goes first, as this too may be stopped."""
        (self.folder / PROGRESS).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def is_in_place(self) -> bool:
        """Whether the file has been put in its place, and only this folder was left, as far as that can be told."""
        return False

    @abstractmethod
    def cut_back(self, progress: FileProgress) -> None:
        """Leave of the rows those that count."""

    @abstractmethod
    def append(self, chunk: Chunk, added: dict[str, Any]) -> int:
        """Write rows behind the others, and wait until they are on the disk; how many bytes it took."""

    @abstractmethod
    def joined(self) -> Path:
        """The whole file, made of what was written."""


class UnfinishedText(Unfinished):
    """Of a form that can be appended to. table: what is written again; names: of the added columns."""

    def __init__(self, path: Path, table: TextTable, names: list[str], of: dict[str, Any], **ways: bool) -> None:
        super().__init__(path, of, **ways)
        self._table, self._names, self._rows = table, names, self.folder / "rows"

    def is_in_place(self) -> bool:
        return not self._rows.exists()  # it was moved

    def cut_back(self, progress: FileProgress) -> None:
        with self._rows.open("ab") as file:
            if file.tell() < progress.size:
                raise UserError(f"{self._rows} is damaged, it is too short: begin anew with --overwrite.")
            file.truncate(progress.size)

    def append(self, chunk: Chunk, added: dict[str, Any]) -> int:
        head = self._table.head(self._names) if self.progress.parts == 0 else ""
        columns = {name: plain_column(values) for name, values in added.items()}
        with self._rows.open("ab") as file:
            written = file.write(compressed(head + self._table.written(chunk.source, columns), self.path))
            file.flush()
            os.fsync(file.fileno())
        return written

    def joined(self) -> Path:
        return self._rows


class UnfinishedParquet(Unfinished):
    """Parquet, a file for each chunk. types: of the added columns, as pyarrow has them."""

    def __init__(self, path: Path, types: dict[str, Any], of: dict[str, Any], **ways: bool) -> None:
        super().__init__(path, of, **ways)
        self._types = types

    def cut_back(self, progress: FileProgress) -> None:
        parts = self._parts()
        if len(parts) < progress.parts:
            raise UserError(f"{self.folder} is damaged, it lacks rows: begin anew with --overwrite.")
        for part in parts[progress.parts :]:
            part.unlink()

    def append(self, chunk: Chunk, added: dict[str, Any]) -> int:
        import pyarrow
        import pyarrow.parquet

        table = pyarrow.Table.from_batches([chunk.source])
        for name, values in added.items():
            column = pyarrow.array(values, self._types[name], from_pandas=True)  # NaN is null
            table = table.append_column(pyarrow.field(name, self._types[name]), column)
        part = self.folder / f"{self.progress.parts:06d}.parquet"
        replace_file(part, lambda temporary: pyarrow.parquet.write_table(table, temporary))
        return part.stat().st_size

    def joined(self) -> Path:
        import pyarrow.parquet

        parts, whole = self._parts(), self.folder / "whole"
        with pyarrow.parquet.ParquetWriter(whole, pyarrow.parquet.read_schema(parts[0])) as writer:
            for part in parts:  # of which one is open at a time: the system sets a limit
                with pyarrow.parquet.ParquetFile(part) as file:
                    writer.write_table(file.read())
        sync(whole)
        return whole

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("*.parquet"))
