"""Tokenised rows on disk: written once, whole or absent, memory-mapped by every run that wants them."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from tokenizers import Tokenizer

from sweepformer.config.kinds import LabelKind
from sweepformer.data.columns import Strings, save_strings
from sweepformer.data.encoding import encode
from sweepformer.data.labels import LabelLists
from sweepformer.data.rows import Rows
from sweepformer.data.splits import SplitReport, Splits
from sweepformer.data.tokenizer import read_text_as_it_is, read_tokenizer, unknown_id, vocab_size
from sweepformer.files.atomic import check_seal, seal, sync
from sweepformer.screen.progress_bar import tqdm

SPLITS = ("train", "val", "test")
COUNTED_AT_ONCE = 1_000_000  # tokens


@dataclass(frozen=True)
class TokenizedRows:
    """The rows of one split.

    tokens: (total,) token ids of all rows, one after the other; memory-mapped.
    offsets: (rows + 1,) int64, row i is `tokens[offsets[i]:offsets[i + 1]]`, never empty.
    labels: (rows,) int64 class numbers, or zeros where there are no labels; (rows,) float64 numbers; (rows, classes)
        bool; or, with `tagged`, (total,) int32, one for each token: its word's tag where the word begins,
        `further_piece` of it where the word goes on, `NO_TAG` where there is no word.
    texts: the raw ones.
    ids: the rows' identities in their source: row numbers, file names or codes.
    """

    tokens: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    texts: Sequence[str]
    ids: Sequence[str]
    tagged: bool = False

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """(rows,) int64, tokens a row before truncation."""
        return np.diff(self.offsets)

    def counts(self, vocab_size: int) -> np.ndarray:
        """(vocab_size,) int64, how often each token occurs; some at a time, as the rows need not fit in memory."""
        counts = np.zeros(vocab_size, dtype=np.int64)
        for start in range(0, len(self.tokens), COUNTED_AT_ONCE):
            counts += np.bincount(self.tokens[start : start + COUNTED_AT_ONCE], minlength=vocab_size)
        return counts

    @property
    def answers(self) -> np.ndarray:
        """What is to be answered: `labels`, or of tagged rows (words, 2) int64, each word's tag and its row."""
        if not self.tagged:
            return self.labels
        first = self.labels >= 0
        return np.stack([self.labels[first], np.repeat(np.arange(len(self)), self.lengths)[first]], 1)

    @classmethod
    def open(cls, path: Path, split: str, tagged: bool) -> "TokenizedRows":
        """Map what `_write_rows` wrote."""
        tokens = np.load(path / f"{split}.tokens.npy", mmap_mode="r")
        offsets = np.load(path / f"{split}.offsets.npy")
        labels = np.load(path / f"{split}.labels.npy", mmap_mode="r" if tagged else None)
        texts, ids = (Strings.open(path / f"{split}.{column}") for column in ("texts", "ids"))
        labelled = len(tokens) if tagged else len(offsets) - 1
        if not len(tokens) == offsets[-1] or not len(texts) == len(ids) == len(offsets) - 1 or len(labels) != labelled:
            raise ValueError(f"the parts of its {split} split don't fit together")
        return cls(tokens, offsets, labels, texts, ids, tagged)


@dataclass(frozen=True)
class Store:
    """Tokenised splits with the tokenizer and the names of classes or tags that belong to them.

    labelled: what rows are labelled with; pairs: whether a row has two texts.
    data_hash: sixteen hex digits of the raw data and how it is read; `prepare` knows them.
    """

    path: Path
    splits: dict[str, TokenizedRows]
    tokenizer: Tokenizer
    classes: list[str]
    report: SplitReport
    unknown_rate: float
    labelled: LabelKind = LabelKind.CLASS
    pairs: bool = False
    data_hash: str = ""

    @property
    def hashes(self) -> dict[str, str]:
        """Sixteen hex digits each: of the raw data, and of the tokenizer."""
        tokenizer = hashlib.sha256(self.tokenizer.to_str().encode()).hexdigest()[:16]
        return {"data_hash": self.data_hash, "tokenizer_hash": tokenizer}

    @classmethod
    def open(cls, path: Path) -> "Store":
        """Map a store that was written whole.

        Raises:
            Damaged: a file of it is not as it was written.
        """
        check_seal(path)
        about = json.loads((path / "store.json").read_text(encoding="utf-8"))
        labelled = LabelKind(about["labelled"])
        with suppress(OSError):  # somebody else's
            os.utime(path / "store.json")  # when it was last used
        return cls(
            path,
            {split: TokenizedRows.open(path, split, labelled.is_of_words) for split in SPLITS},
            read_text_as_it_is(read_tokenizer(path / "tokenizer.json")),
            about["classes"],
            SplitReport(**about["report"]),
            about["unknown_rate"],
            labelled,
            about["pairs"],
        )


def write_store(
    path: Path,
    splits: Splits,
    report: SplitReport,
    tokenizer: Tokenizer,
    source: dict[str, Any],
    labelled: LabelKind = LabelKind.CLASS,
) -> None:
    """Tokenise `splits` into `path`: built beside it and renamed, so that a half-written store never counts.

    The caller holds the store's lock: what an earlier attempt left is removed. source: the config that it is made of,
    for those who look at the cache; labelled: what rows are labelled with.
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
                _write_rows(building, split, rows, splits.classes, tokenizer, labelled.is_of_words, bar)
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
            "labelled": labelled.value,
            "pairs": splits.train.pairs,
        }
        (building / "store.json").write_text(json.dumps(about), encoding="utf-8")
        seal(building)
        building.chmod(0o755)  # whoever shares the cache may read it
        os.rename(building, path)
        sync(path.parent)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _write_rows(
    folder: Path, split: str, rows: Rows, classes: list[str], tokenizer: Tokenizer, tagged: bool, bar: Any
) -> None:
    offsets = [np.zeros(1, dtype=np.int64)]
    dtype = np.dtype(np.uint16 if vocab_size(tokenizer) <= np.iinfo(np.uint16).max else np.int32)
    tags_of_words = rows.labels.numbers(classes) if isinstance(rows.labels, LabelLists) and tagged else None
    tags: list[np.ndarray] = []  # of tokens, int32
    with (folder / f"{split}.tokens.npy").open("wb") as file:
        _write_header(file, dtype, 0)
        for chunk in encode(tokenizer, rows.texts, rows.pairs, tagged):
            file.write(chunk.tokens.astype(dtype).data)
            offsets.append(offsets[-1][-1] + np.cumsum(chunk.lengths))
            if tags_of_words is not None:
                of_chunk, tags_of_words = np.split(tags_of_words, [chunk.words])
                tags.append(chunk.tags(of_chunk).astype(np.int32))
            bar.update(len(chunk.lengths))
        file.seek(0)
        _write_header(file, dtype, int(offsets[-1][-1]))  # numpy leaves room in it for the number to grow
    np.save(folder / f"{split}.offsets.npy", np.concatenate(offsets))
    np.save(folder / f"{split}.labels.npy", np.concatenate(tags) if tagged else rows.labels.array(classes))
    save_strings(rows.texts, folder / f"{split}.texts")
    save_strings(rows.ids, folder / f"{split}.ids")


def _write_header(file: BinaryIO, dtype: np.dtype, length: int) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(file, header)
