"""A table: its columns, and its records one after another."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from sweepformer.data.reading.form import Form
from sweepformer.data.reading.opening import Opened
from sweepformer.errors import UserError, listed


class Record(NamedTuple):
    """where: "row 3" or "line 7"; fields: by column."""

    where: str
    fields: dict[str, Any]


class Broken(NamedTuple):
    """What stands where a record should. kind: the same for all that are broken alike; message: what is wrong and what
    to do.
    """

    where: str
    kind: str
    message: str


class Table(ABC):
    """A file of records. header: the columns' names as they stand; columns: the same, each once."""

    header: list[str]
    columns: list[str]

    def __init__(self, file: Opened, form: Form) -> None:
        self.file, self.form = file, form

    @abstractmethod
    def records(self) -> Iterator[Record | Broken]:
        """All of them, in their order.

        Raises:
            UserError: the file can't be read on.
        """

    def first_rows(self, most: int = 100) -> list[list[Any]]:
        """The cells of the first records that aren't broken."""
        found = (one for one in self.records() if isinstance(one, Record))
        return [list(one.fields.values()) for one in islice(found, most)]

    def check_once(self, columns: Sequence[str]) -> None:
        """Raises a UserError if one of the columns to be read stands there twice."""
        for name in columns:
            if self.header.count(name) > 1:
                raise UserError(
                    f"{self.file.name} has two columns named {listed([name])!r}. Columns: {listed(self.header)}."
                )


class Nested(dict[str, Any]):
    """An object whose inner fields can be asked for by dotted names, such as `doc.body`."""

    def get(self, name: str, default: Any = None) -> Any:
        if name in self:
            return self[name]
        inner: Any = self
        for part in name.split("."):
            if not isinstance(inner, dict) or part not in inner:
                return default
            inner = dict.__getitem__(inner, part)
        return inner


def dotted_names(record: dict[str, Any], before: str = "") -> Iterator[str]:
    """The names of an object's fields, and of those inside them."""
    for name, value in record.items():
        yield before + name
        if isinstance(value, dict):
            yield from dotted_names(value, f"{before}{name}.")


def told_apart(header: Sequence[str]) -> list[str]:
    """Names of which each stands once: what repeats one, or is blank, has its place for a name."""
    names: list[str] = []
    for number, name in enumerate(header, 1):
        names.append(f"column {number}" if not name or name in names else name)
    return names


def in_words(count: int, what: str) -> str:
    """ "1 field", "2 fields"."""
    return f"{count} {what}{'s' * (count != 1)}"
