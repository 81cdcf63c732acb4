"""Tokenised rows on disk: written once, whole or absent, memory-mapped by every run that wants them."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from sweepformer.data.rows import Rows
from sweepformer.data.splits import SplitReport, Splits
from sweepformer.data.tokenizer import unknown_id

SPLITS = ("train", "val", "test")
CHUNK = 10_000  # rows tokenised at a time


@dataclass(frozen=True)
class TokenizedRows:
    """The rows of one split.

    tokens: (total,) token ids of all rows, one after the other; memory-mapped.
    offsets: (rows + 1,) int64, row i is `tokens[offsets[i]:offsets[i + 1]]`, never empty.
    labels: (rows,) int64 class numbers.
    """

    tokens: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    ids_file: Path

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> np.ndarray:
        """(rows,) int64, tokens a row before truncation."""
        return np.diff(self.offsets)

    def ids(self) -> list[str]:
        """The rows' identities in their source: row numbers, file names or codes."""
        return json.loads(self.ids_file.read_text(encoding="utf-8"))


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
        splits = {
            split: TokenizedRows(
                tokens=np.load(path / f"{split}.tokens.npy", mmap_mode="r"),
                offsets=np.load(path / f"{split}.offsets.npy"),
                labels=np.load(path / f"{split}.labels.npy"),
                ids_file=path / f"{split}.ids.json",
            )
            for split in SPLITS
        }
        return cls(
            path=path,
            splits=splits,
            tokenizer=Tokenizer.from_file(str(path / "tokenizer.json")),
            classes=about["classes"],
            report=SplitReport(**about["report"]),
            unknown_rate=about["unknown_rate"],
        )


def write_store(path: Path, splits: Splits, report: SplitReport, tokenizer: Tokenizer) -> None:
    """Tokenise `splits` into `path`: built beside it and renamed, so that a half-written store never counts.

    Two processes may do so at once: the first to finish wins and the other's work is dropped.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        class_number = {name: number for number, name in enumerate(splits.classes)}
        unknown = unknown_id(tokenizer)
        unknown_tokens = all_tokens = 0
        for split in SPLITS:
            rows: Rows = getattr(splits, split)
            encoded = list(_encode(tokenizer, rows.texts))
            tokens = np.concatenate(encoded)
            offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
            np.save(building / f"{split}.tokens.npy", tokens)
            np.save(building / f"{split}.offsets.npy", offsets)
            labels = np.array([class_number[label] for label in rows.labels], dtype=np.int64)
            np.save(building / f"{split}.labels.npy", labels)
            (building / f"{split}.ids.json").write_text(json.dumps(rows.ids), encoding="utf-8")
            if split != "train" and unknown is not None:
                unknown_tokens += int((tokens == unknown).sum())
                all_tokens += len(tokens)
        tokenizer.save(str(building / "tokenizer.json"))
        about = {
            "classes": splits.classes,
            "report": asdict(report),
            "unknown_rate": unknown_tokens / max(all_tokens, 1),
        }
        (building / "store.json").write_text(json.dumps(about), encoding="utf-8")
        os.rename(building, path)
    except OSError:
        if not (path / "store.json").exists():  # not a rival that was faster: the disk itself
            raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _encode(tokenizer: Tokenizer, texts: list[str]) -> Iterator[np.ndarray]:
    small = tokenizer.get_vocab_size() <= np.iinfo(np.uint16).max
    # A text of nothing but characters that normalisation removes still needs a token to stand for it.
    nothing = [unknown_id(tokenizer) or 0]
    for start in range(0, len(texts), CHUNK):
        for encoding in tokenizer.encode_batch_fast(texts[start : start + CHUNK]):
            yield np.array(encoding.ids or nothing, dtype=np.uint16 if small else np.int32)
