"""Columns of words and tags, as the shared tasks of CoNLL have them."""

import hashlib
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweepformer.config.kinds import LabelKind
from sweepformer.data.cells import Transform
from sweepformer.data.reading.opening import Opened, open_file
from sweepformer.data.reading.table import Broken, Record
from sweepformer.data.rows import RawSplits, Rows
from sweepformer.data.sources.records import PLACES, Columns, collect
from sweepformer.errors import UserError

COLUMNS = "columns"  # the field of a record that holds all columns of its words
DOCUMENT_MARK = "-DOCSTART-"
NO_WORD = re.compile(r"\d+[-.]\d+")  # ids of CoNLL-U's ranges of words (1-2) and empty nodes (8.1)


class Conll:
    """Sentences of words, a line a word and a blank line after each sentence (packed too): CoNLL 2003, CoNLL-U, ...

    Left out are lines that begin with -DOCSTART-, comments, and, where the first column is not the word, CoNLL-U's
    ranges and empty nodes. Comments are lines before a sentence that begin with # and don't have the columns that words
    have; with # and a space also those that do, unless what stands for a tag is one (then # is the word).

    Args:
        train_file, val_file, test_file: paths; a missing split is cut from train.
        token_column, tag_column: where words and tags stand, counted from 1, or from -1 backwards.
        separator: what stands between columns, "tab" for a tab; None: any spaces and tabs.
        encoding: of the files; None: UTF-8, or what their first bytes say.
        blank: of words that are nothing but white space, as `Columns`.
        invalid_spans: of tags such as I-X after O: "repair" or "refuse".
        transform: called on every word.
        labelled: what the task needs rows to be labelled with, as in `tasks.kinds.Kind`.
    """

    def __init__(
        self,
        train_file: str,
        val_file: str | None = None,
        test_file: str | None = None,
        token_column: int = 1,
        tag_column: int = -1,
        separator: str | None = None,
        encoding: str | None = None,
        blank: str = "refuse",
        invalid_spans: str = "repair",
        transform: Transform | None = None,
        labelled: str = LabelKind.TAGS.value,
    ) -> None:
        if not LabelKind(labelled).is_of_words:
            raise UserError(
                "data=conll has a tag for every word: choose task=tagging, or other data. Tasks that learn from texts "
                "alone (task=masked_lm, task=language_modeling) read it with task.stratify_by=tags."
            )
        if separator == "":
            raise ValueError("separator is empty: null stands for spaces and tabs, tab for a tab")
        if not token_column or not tag_column:
            raise ValueError("token_column and tag_column are counted from 1, or from -1 backwards")
        self.files = {"train": train_file, "val": val_file, "test": test_file}
        self.lines = ConllLines.of(token_column, tag_column, separator, blank)
        self.columns = Columns("tokens", None, "tags", None, labelled, ",", invalid_spans, blank, unit="line")
        self.encoding = encoding
        self.transform = transform

    def fingerprint(self) -> str:
        """Of the files' contents and how they are read."""
        digest = hashlib.sha256((repr((self.lines, self.columns)) + (self.encoding or "")).encode())
        for split, name in self.files.items():
            if name:
                path = Path(name).expanduser()
                open_file(path, f"data.{split}_file").encoding(self.encoding)  # says what is wrong with it
                digest.update(f"|{split}|{path.suffix}".encode())
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def read(self) -> RawSplits:
        return RawSplits(**{split: self._read(split, name) for split, name in self.files.items() if name})

    def _read(self, split: str, name: str) -> Rows:
        key = f"data.{split}_file"
        file = open_file(Path(name).expanduser(), key)
        doubtful: list[int] = []
        records = self.lines.sentences(file, file.encoding(self.encoding), doubtful)
        rows = collect(records, self.columns, f"{key}: {name}", self.transform, "CoNLL")
        if not len(rows):
            raise UserError(f"{key}: {name} holds no sentence.")
        if doubtful:
            rows.notes = [
                *rows.notes,
                f"{key}: {name}: {len(doubtful)} lines that begin with # and have as many columns as words are left "
                f"out as comments, line {doubtful[0]} for one: no other line has the tag that they would have",
            ]
        return rows


@dataclass(frozen=True, repr=False)
class ConllLines:
    """Reads sentences from lines. separator: None: any spaces and tabs; token, tag: columns, counted from 1."""

    separator: str | None
    token: int
    tag: int
    blank: str

    def __repr__(self) -> str:
        return f"_Lines(separator={self.separator!r}, token={self.token}, tag={self.tag})"  # in fingerprints

    @classmethod
    def of(
        cls, token_column: int = 1, tag_column: int = -1, separator: str | None = None, blank: str = "refuse"
    ) -> "ConllLines":
        """As a config has it."""
        return cls({"tab": "\t", "\\t": "\t"}.get(str(separator), separator), token_column, tag_column, blank)

    def sentences(self, file: Opened, encoding: str, doubtful: list[int]) -> Iterator[Record | Broken]:
        """Each with the line that it begins in, its `tokens`, their `tags` and their lines.

        Args:
            file, encoding: what is read.
            doubtful: takes up the numbers of lines that are left out as comments and could be words.

        Raises:
            UserError: naming the line.
        """
        width = self._width(file, encoding)
        tags: set[str] = set()  # looked for where they are needed
        words: list[list[str]] = []
        lines = array("q")
        for number, line in file.numbered_lines(encoding):
            columns = self._split(line, width)
            if not columns or line.startswith(DOCUMENT_MARK):
                if words:
                    yield self._sentence(words, lines)
                words, lines = [], array("q")
                continue
            if (not words and self._is_comment(columns, width)) or self._is_no_word(columns, width):
                continue
            if not words and columns[0] == "#":
                tags = tags or self._tags(file, encoding, width)
                if self._tag(columns) not in tags:
                    doubtful.append(number)
                    continue
            elif trouble := self._trouble(columns, width):
                yield Broken(f"line {number}", *trouble)
                continue
            words.append(columns)
            lines.append(number)
        if words:
            yield self._sentence(words, lines)

    def _trouble(self, columns: list[str], width: int) -> tuple[str, str] | None:
        """What is wrong with a word's columns: its kind, and in words."""
        if len(columns) != width:
            return "columns", (
                f"{len(columns)} columns, and the first word's line has {width}. Every word needs them all: check "
                "the line, and data.separator (null: spaces and tabs; tab)."
            )
        word = columns[self.token - 1 if self.token > 0 else self.token]
        if not word and self.blank == "refuse":
            return "blank", "its word is blank. data.blank=drop leaves such words and their tags out."
        if "" in (column for column in columns if column is not word):
            return "empty", (
                f"column {columns.index('') + 1} is empty. Every word needs them all (_ where there is "
                "nothing to say): check the line, and data.separator."
            )
        return None

    def _width(self, file: Opened, encoding: str) -> int:
        """How many columns the first word has."""
        for number, line in file.numbered_lines(encoding):
            columns = self._split(line, 0)
            if columns and not line.startswith(("#", DOCUMENT_MARK)) and not self._is_no_word(columns, len(columns)):
                self._check_columns(len(columns), f"{file.name}, line {number}")
                if len(columns) == 10 and self.token == 1 and columns[0] == "1":
                    raise UserError(
                        f"{file.name}, line {number}: this is CoNLL-U, whose first column counts the words: give "
                        "data.token_column=2, data.tag_column=4 (universal parts of speech; 5 others) and "
                        "data.separator=tab."
                    )
                return len(columns)
        return 0

    def _tags(self, file: Opened, encoding: str, width: int) -> set[str]:
        """Of all lines that certainly are words."""
        rows = (self._split(line, width) for _, line in file.numbered_lines(encoding))
        return {self._tag(columns) for columns in rows if len(columns) == width and not columns[0].startswith("#")}

    def _tag(self, columns: list[str]) -> str:
        return columns[self.tag - 1 if self.tag > 0 else self.tag]

    def _check_columns(self, width: int, where: str) -> None:
        for name, column in (("token", self.token), ("tag", self.tag)):
            if not 1 <= abs(column) <= width:
                raise UserError(f"data.{name}_column={column}: {where} has {width} columns. Is data.separator right?")
        if self.token % (width + 1) == self.tag % (width + 1):
            raise UserError(
                f"data.token_column={self.token} and data.tag_column={self.tag} are the same: {where} has {width} "
                "columns. Is data.separator right (null: spaces and tabs; tab)?"
            )

    def _split(self, line: str, width: int) -> list[str]:
        """The columns of a line, of which there should be `width`; none of a blank line."""
        # Other white space, such as no-break spaces, belongs to words.
        line = line.rstrip("\r\n")
        if not line.strip(" \t"):
            return []
        if self.separator is not None:
            return [cell.strip(" \t") for cell in line.split(self.separator)]
        columns = re.split("[ \t]+", line.strip(" \t"))
        by_tabs = [cell.strip(" ") for cell in line.split("\t")]
        # A word of white space leaves its tag alone, unless tabs say where it was.
        return by_tabs if len(columns) < width == len(by_tabs) else columns

    def _is_comment(self, columns: list[str], width: int) -> bool:
        # "#" may be a word, or the beginning of one.
        return columns[0].startswith("#") and (len(columns) != width or not self._words_come_first(width))

    def _is_no_word(self, columns: list[str], width: int) -> bool:
        return not self._words_come_first(width) and bool(NO_WORD.fullmatch(columns[0]))

    def _words_come_first(self, width: int) -> bool:
        return self.token in (1, -width)

    def _sentence(self, words: list[list[str]], lines: Sequence[int]) -> Record:
        token = self.token - 1 if self.token > 0 else self.token
        tokens, tags = [word[token] for word in words], [self._tag(word) for word in words]
        return Record(f"line {lines[0]}", {"tokens": tokens, "tags": tags, COLUMNS: words, PLACES: lines})
