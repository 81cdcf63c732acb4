"""Types of the config groups `data` and `tokenizer`; see `options`."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from omegaconf import MISSING

TokenizerKind = Enum("TokenizerKind", "wordpiece bpe unigram word char byte auto pretrained")
Side = Enum("Side", "left right")
Truncation = Enum("Truncation", "head tail head_and_tail windows")
Batching = Enum("Batching", "tokens rows random")
Sampling = Enum("Sampling", "uniform balanced")
InvalidSpans = Enum("InvalidSpans", "repair refuse")
Blank = Enum("Blank", "refuse drop")
DropDuplicates = Enum("DropDuplicates", "train all none")
RareClasses = Enum("RareClasses", "refuse train drop")
UnseenLabels = Enum("UnseenLabels", "count refuse")
FileFormat = Enum("FileFormat", "csv jsonl json parquet xlsx lines fasttext fasta")


@dataclass
class DataSchema:
    """What every `data` has, whatever its source."""

    _target_: str = MISSING
    val_fraction: float = MISSING
    test_fraction: float = MISSING
    drop_duplicates: DropDuplicates = MISSING
    rare_classes: RareClasses = MISSING
    unseen_labels: UnseenLabels = MISSING
    batch_size: int | None = MISSING
    eval_batch_size: int = MISSING
    batching: Batching = MISSING
    sampling: Sampling = MISSING
    truncation: Truncation | None = None
    window_overlap: float = MISSING
    num_workers: int = MISSING
    cache_dir: str | None = None
    transform: Any = None


@dataclass
class FilesSchema(DataSchema):
    """data=files"""

    train_file: str = MISSING
    val_file: str | None = None
    test_file: str | None = None
    unlabelled_file: str | None = None
    label_file: str | None = None
    text_column: str = MISSING
    pair_column: str | None = None
    label_column: Any = MISSING
    label_separator: str = MISSING
    invalid_spans: InvalidSpans = MISSING
    group_column: str | None = None
    sentence_column: str | None = None
    format: FileFormat | None = None
    encoding: str | None = None
    separator: str | None = None
    quoting: bool | None = None
    header: bool | None = None
    blank: Blank = MISSING


@dataclass
class ConllSchema(DataSchema):
    """data=conll"""

    train_file: str = MISSING
    val_file: str | None = None
    test_file: str | None = None
    token_column: int = MISSING
    tag_column: int = MISSING
    separator: str | None = None
    encoding: str | None = None
    blank: Blank = MISSING
    invalid_spans: InvalidSpans = MISSING


@dataclass
class FolderSchema(DataSchema):
    """data=folder"""

    root: str = MISSING
    blank: Blank = MISSING
    encoding: str | None = None


@dataclass
class HubSchema(DataSchema):
    """data=hub"""

    path: str = MISSING
    name: str | None = None
    text_column: str = MISSING
    pair_column: str | None = None
    label_column: Any = MISSING
    label_separator: str = MISSING
    invalid_spans: InvalidSpans = MISSING
    blank: Blank = MISSING
    group_column: str | None = None
    train_split: str = MISSING
    val_split: str | None = None
    test_split: str | None = None


@dataclass
class Icd10Schema(DataSchema):
    """data=icd10"""

    max_rows: int | None = None


@dataclass
class TokenizerSchema:
    """Every `tokenizer`."""

    kind: TokenizerKind = MISSING
    vocab_size: int = MISSING
    min_frequency: int = MISSING
    rare_words: int = 0
    lowercase: bool | None = MISSING
    truncation_side: Side = MISSING
    path: str | None = None
