"""Texts without columns: a text a line, with fastText's labels or none; and FASTA's sequences."""

import re
from collections.abc import Iterator

from sweepformer.data.reading.form import Form
from sweepformer.data.reading.opening import Opened
from sweepformer.data.reading.table import Broken, Record, Table
from sweepformer.errors import UserError

TEXT, LABEL, ID = "text", "label", "id"
MARK = "__label__"


class Lines(Table):
    """A text a line; blank lines are none. keep_blank: they are rows without a text."""

    def __init__(self, file: Opened, form: Form, keep_blank: bool = False) -> None:
        super().__init__(file, form)
        self.columns = self.header = [TEXT]
        self.keep_blank = keep_blank

    def records(self) -> Iterator[Record | Broken]:
        for number, line in self.file.numbered_lines(self.form.encoding):
            if self.keep_blank or line.strip():
                yield Record(f"line {number}", {TEXT: line.strip()})


class FastText(Lines):
    """A text a line, its classes before or behind it as `__label__NAME`: one is a word, several a list."""

    def __init__(self, file: Opened, form: Form) -> None:
        super().__init__(file, form)
        self.columns = self.header = [TEXT, LABEL]

    def records(self) -> Iterator[Record | Broken]:
        for number, line in self.file.numbered_lines(self.form.encoding):
            words = line.split()
            labels = [word.removeprefix(MARK) for word in words if word.startswith(MARK) and word != MARK]
            text = " ".join(word for word in line.strip().split(" ") if not word.startswith(MARK)).strip()
            if words:
                label = labels[0] if len(labels) == 1 else labels or None
                yield Record(f"line {number}", {TEXT: text, LABEL: label})


class Fasta(Table):
    """Sequences, each under a line `>id description`: what follows the last | of that line is its label."""

    def __init__(self, file: Opened, form: Form) -> None:
        super().__init__(file, form)
        self.columns = self.header = [ID, TEXT, LABEL]

    def records(self) -> Iterator[Record | Broken]:
        head, began, parts = "", 0, list[str]()
        for number, line in self.file.numbered_lines(self.form.encoding):
            line = line.strip()
            if line.startswith(">"):
                if began:
                    yield self._record(began, head, parts)
                head, began, parts = line[1:], number, []
            elif line and not line.startswith(";"):
                if not began:
                    raise UserError(f"{self.file.name}, line {number}: FASTA has a line that begins with > first.")
                parts.append(line)
        if began:
            yield self._record(began, head, parts)

    def _record(self, began: int, head: str, parts: list[str]) -> Record:
        label = head.rpartition("|")[2].strip() if "|" in head else None
        identity = re.split(r"[|\s]", head, maxsplit=1)[0]
        return Record(f"line {began}", {ID: identity, TEXT: "".join(parts), LABEL: label})
