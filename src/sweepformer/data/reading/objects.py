"""Records that name their fields: JSON, a line each or as one array."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, TextIO

from sweepformer.data.reading.form import Form
from sweepformer.data.reading.opening import Opened
from sweepformer.data.reading.table import Broken, Nested, Record, Table, dotted_names
from sweepformer.errors import UserError, listed

FIRST = 100  # records that columns are known by
PIECE = 1 << 20  # characters
EXAMPLE = '{"text": "...", "label": "..."}'


class Objects(Table):
    """Columns are those of the first records; inner fields have dotted names."""

    def __init__(self, file: Opened, form: Form) -> None:
        super().__init__(file, form)
        first = list(islice(self.records(), FIRST))
        sound = [one.fields for one in first if isinstance(one, Record)]
        if first and not sound:
            self._refuse_one_object()
            raise UserError(f"{file.name}, {first[0].where}: {first[0].message}")  # type: ignore[union-attr]
        self.columns = self.header = list(dict.fromkeys(name for fields in sound for name in dotted_names(fields)))

    def _refuse_one_object(self) -> None:
        """Raises a UserError if the file is one object, which may hold the rows."""
        try:
            whole = json.loads(self.file.sample.decode(self.form.encoding))
        except (ValueError, RecursionError):
            return
        if isinstance(whole, dict):
            lists = [name for name, value in whole.items() if isinstance(value, list)]
            raise UserError(
                f"{self.file.name} is one JSON object, with "
                + (f"lists in {listed(lists)}" if lists else f"the fields {listed(whole)}")
                + f". An array of objects like {EXAMPLE} is read, or an object a line: write the rows so."
            )


class JsonLines(Objects):
    """An object a line."""

    def records(self) -> Iterator[Record | Broken]:
        found = False
        for number, line in self.file.numbered_lines(self.form.encoding):
            if line.strip():
                found = True
                yield _parsed(f"line {number}", line)
        if not found:
            raise UserError(f"{self.file.name} is empty.")


class JsonArray(Objects):
    """An array of objects, of which a few at a time are in memory."""

    def records(self) -> Iterator[Record | Broken]:
        decoder = json.JSONDecoder()
        number, rest, at_end = 0, "", False
        with self.file.text(self.form.encoding) as text:
            rest = text.read(PIECE).lstrip()[1:]
            while True:
                rest = rest.lstrip() if number == 0 else rest.lstrip().removeprefix(",").lstrip()
                if rest.startswith("]"):
                    rest = _after(rest[1:], text)
                    if not rest:
                        return
                    if not rest.startswith("["):
                        what = f"after record {number} and the end of the array comes {rest[:20]!r}"
                        raise UserError(f"{self.file.name}: {what}. The file is one array of objects.")
                    rest = rest[1:].lstrip()  # another array
                try:
                    value, end = decoder.raw_decode(rest)
                    complete = end < len(rest) or at_end  # a number may go on
                except (ValueError, RecursionError) as error:
                    complete = False
                    if at_end:
                        raise UserError(
                            f"{self.file.name}, record {number + 1} is not JSON ({error}). The file is one array of "
                            f"objects like {EXAMPLE}."
                        ) from error
                if complete:
                    number, rest = number + 1, rest[end:]
                    yield _checked(f"record {number}", value)
                else:
                    more = text.read(PIECE)
                    at_end, rest = not more, rest + more


def _after(rest: str, text: TextIO) -> str:
    """What comes next that is not white space; "" at the end of the file."""
    while not rest.strip() and (more := text.read(PIECE)):
        rest = more
    return rest.lstrip()


def _parsed(where: str, line: str) -> Record | Broken:
    try:
        return _checked(where, json.loads(line))
    except (ValueError, RecursionError) as error:
        return Broken(where, "JSON", f"not JSON ({error}). Each line is one object.")


def _checked(where: str, value: Any) -> Record | Broken:
    if isinstance(value, dict):
        return Record(where, Nested(value))
    return Broken(where, "object", f"not an object like {EXAMPLE}.")
