"""Tokenised rows on disk: written once, whole or absent, memory-mapped by every run that wants them."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from tokenizers import Encoding, Tokenizer
from tqdm import tqdm

from sweepformer.data.columns import Strings, save_strings
from sweepformer.data.rows import Rows
from sweepformer.data.splits import SplitReport, Splits
from sweepformer.data.tokenizer import unknown_id, vocab_size

SPLITS = ("train", "val", "test")
CHUNK_ROWS, CHUNK_CHARACTERS = 10_000, 4_000_000  # at most so much is tokenised at a time


@dataclass(frozen=True)
class TokenizedRows:
    """The rows of one split.

    tokens: (total,) token ids of all rows, one after the other; memory-mapped.
    offsets: (rows + 1,) int64, row i is `tokens[offsets[i]:offsets[i + 1]]`, never empty.
    labels: (rows,) int64 class numbers.
    texts: the raw ones.
    ids: the rows' identities in their source: row numbers, file names or codes.
    """

    tokens: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    texts: Strings
    ids: Strings

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> np.ndarray:
        """(rows,) int64, tokens a row before truncation."""
        return np.diff(self.offsets)

    @classmethod
    def open(cls, path: Path, split: str) -> "TokenizedRows":
        """Map what `_write_rows` wrote."""
        tokens = np.load(path / f"{split}.tokens.npy", mmap_mode="r")
        offsets, labels = np.load(path / f"{split}.offsets.npy"), np.load(path / f"{split}.labels.npy")
        texts, ids = (Strings.open(path / f"{split}.{column}") for column in ("texts", "ids"))
        if not len(tokens) == offsets[-1] or not len(texts) == len(ids) == len(labels) == len(offsets) - 1:
            raise ValueError(f"the parts of its {split} split don't fit together")
        return cls(tokens, offsets, labels, texts, ids)


@dataclass(frozen=True)
class Store:
    """Tokenised splits with the tokenizer and the class names that belong to them."""

    path: Path
    splits: dict[str, TokenizedRows]
    tokenizer: Tokenizer
    classes: list[str]
    report: SplitReport
    unknown_rate: float

    @classmethod
    def open(cls, path: Path) -> "Store":
        """Map a store that was written whole."""
        about = json.loads((path / "store.json").read_text(encoding="utf-8"))
        with suppress(OSError):  # somebody else's
            os.utime(path / "store.json")  # when it was last used
        return cls(
            path=path,
            splits={split: TokenizedRows.open(path, split) for split in SPLITS},
            tokenizer=Tokenizer.from_file(str(path / "tokenizer.json")),
            classes=about["classes"],
            report=SplitReport(**about["report"]),
            unknown_rate=about["unknown_rate"],
        )


def write_store(path: Path, splits: Splits, report: SplitReport, tokenizer: Tokenizer, source: dict[str, Any]) -> None:
    """Tokenise `splits` into `path`: built beside it and renamed, so that a half-written store never counts.

    The caller holds the store's lock: what an earlier attempt left is removed.

    Args:
        source: the config that it is made of, for those who look at the cache.
    """
    for left in path.parent.glob(f".{path.name}-*"):
        shutil.rmtree(left, ignore_errors=True)
    building = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        unknown = all_tokens = 0
        total = sum(report.rows.values())
        with tqdm(None, "tokenising", total, unit=" rows", delay=2, leave=False, disable=None) as bar:
            for split in SPLITS:
                rows: Rows = getattr(splits, split)
                _write_rows(building, split, rows, splits.classes, tokenizer, bar)
                if split != "train":
                    tokens = np.load(building / f"{split}.tokens.npy", mmap_mode="r")
                    unknown += int((tokens == unknown_id(tokenizer)).sum())
                    all_tokens += len(tokens)
        tokenizer.save(str(building / "tokenizer.json"))
        about = {
            "source": source,
            "classes": splits.classes,
            "report": asdict(report),
            "unknown_rate": unknown / max(all_tokens, 1),
        }
        (building / "store.json").write_text(json.dumps(about), encoding="utf-8")
        building.chmod(0o755)  # whoever shares the cache may read it
        os.rename(building, path)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _write_rows(folder: Path, split: str, rows: Rows, classes: list[str], tokenizer: Tokenizer, bar: Any) -> None:
    offsets = [np.zeros(1, dtype=np.int64)]
    dtype = np.dtype(np.uint16 if vocab_size(tokenizer) <= np.iinfo(np.uint16).max else np.int32)
    with (folder / f"{split}.tokens.npy").open("wb") as file:
        _write_header(file, dtype, 0)
        for tokens, lengths in _encode(tokenizer, rows.texts, dtype):
            file.write(tokens.data)
            offsets.append(offsets[-1][-1] + np.cumsum(lengths))
            bar.update(len(lengths))
        file.seek(0)
        _write_header(file, dtype, int(offsets[-1][-1]))  # numpy leaves room in it for the number to grow
    np.save(folder / f"{split}.offsets.npy", np.concatenate(offsets))
    class_number = {name: number for number, name in enumerate(classes)}
    numbers = np.array([class_number[name] for name in rows.labels.names], dtype=np.int64)
    np.save(folder / f"{split}.labels.npy", numbers[rows.labels.codes])
    save_strings(rows.texts, folder / f"{split}.texts")
    save_strings(rows.ids, folder / f"{split}.ids")


def _write_header(file: BinaryIO, dtype: np.dtype, length: int) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(file, header)


def _encode(tokenizer: Tokenizer, texts: Iterable[str], dtype: np.dtype) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Tokens and lengths of one chunk after the other: all cores encode the next while one sorts out the last."""
    # A text of nothing but characters that normalisation removes still needs a token to stand for it.
    nothing = [unknown_id(tokenizer) or 0]
    with ThreadPoolExecutor(1) as encoder:
        earlier: Future[list[Encoding]] | None = None
        for chunk in chain(_chunks(texts), [None]):
            later = encoder.submit(tokenizer.encode_batch_fast, chunk) if chunk else None
            if earlier:
                ids = [encoding.ids or nothing for encoding in earlier.result()]
                lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
                yield np.fromiter(chain.from_iterable(ids), dtype=dtype, count=int(lengths.sum())), lengths
            earlier = later


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    chunk, characters = [], 0
    for text in texts:
        chunk.append(text)
        characters += len(text)
        if len(chunk) == CHUNK_ROWS or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
