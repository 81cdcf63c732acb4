"""One cell of a table, as it is trained on: an error says where it stands, and what is wrong with it."""

import ast
import math
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from sweepformer.errors import UserError

LARGEST = float(np.finfo(np.float32).max)

WHOLE = re.compile(r"([+-]?\d+)\.0+")  # a number that has nothing behind its point

Transform = Callable[[str], str]


class CellError(UserError):
    """A cell that can't be used. kind: the same for all that can't be for one reason; blank: what is missing of a row
    that lacks something, "text" for one; None: it lacks nothing.
    """

    def __init__(self, message: str, kind: str, blank: str | None = None) -> None:
        super().__init__(message)
        self.kind, self.blank = kind, blank


def is_blank(value: Any) -> bool:
    """Whether nothing stands in a cell: null, NaN, or nothing but white space."""
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def checked_text(value: Any, where: str, column: str | None, transform: Transform | None) -> str:
    """The text as it is trained on; an error names the row. column: where it stands, None if there are no columns."""
    of_column = "" if column is None else f" in column {column!r}"
    if is_blank(value):
        raise _nothing("text", where, of_column)
    if not isinstance(value, str):
        raise CellError(f"{where}: {type(value).__name__} {value!r:.60}{of_column} is not text.", "not text")
    if transform is not None:
        value = transform(value)
        if not isinstance(value, str) or not value.strip():
            raise CellError(
                f"{where}: data.transform made {value!r:.60} of a text; it must return a text.", "transform"
            )
    if "\0" in value:
        raise CellError(f"{where}: the text holds a NUL byte: this is not a text file, or damaged.", "NUL")
    return _writable(value, f"{where}: the text")


def checked_number(value: Any, where: str, column: str) -> float:
    """A number as it is trained on; an error names the row."""
    if is_blank(value):
        raise _nothing("label", where, f" in column {column!r}")
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not abs(number) <= LARGEST:
        raise CellError(
            f"{where}: column {column!r} holds {value!r:.60}, which is no finite number of at most 3e38.", "number"
        )
    return number


def as_list(value: Any) -> Any:
    """A list that stands in a cell of text as Python or JSON write one; anything else as it is."""
    if isinstance(value, str) and value.strip().startswith("["):
        with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            found = ast.literal_eval(value.strip())
            return found if isinstance(found, list) else value
    return value


def checked_labels(value: Any, where: str, column: str) -> list[str]:
    """A list of classes or tags as they are trained on; an error names the row."""
    if not isinstance(value, list):
        raise CellError(f"{where}: column {column!r} holds {value!r:.60}, which is no list.", "list")
    return [sys.intern(checked_label(one, where, column)) for one in value]


def checked_label(value: Any, where: str, column: str | None) -> str:
    """A class or tag as it is trained on, written alike whatever form the file has: `true`, not `True`; `1`, not `1.0`.

    Raises:
        CellError: there is none; naming the row.
    """
    if isinstance(value, dict | list):
        raise CellError(f"{where}: column {column!r} holds {value!r:.60}; a label is one word or number.", "label")
    if is_blank(value):
        raise _nothing("label", where, f" in column {column!r}")
    return _writable(spelled(value), f"{where}: the label")


def spelled(value: Any) -> str:
    """A label as it is written everywhere."""
    label = str(value).strip()
    if label in ("True", "TRUE", "False", "FALSE"):
        return label.lower()
    if label.endswith("0") and (whole := WHOLE.fullmatch(label)):
        return whole[1]
    return label


def checked_group(value: Any, where: str, column: str) -> str:
    """A group as splits are cut by it; an error names the row."""
    if is_blank(value):
        raise _nothing("group", where, f" in column {column!r}")
    return _writable(str(value), f"{where}: the group")


def _nothing(what: str, where: str, of_column: str) -> CellError:
    advice = "Fill it in or remove the row; data.blank=drop leaves such rows out."
    return CellError(f"{where}: there is no {what}{of_column}. {advice}", f"no {what}", blank=what)


def _writable(text: str, what: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise CellError(f"{what} holds half of a surrogate pair, which is no character.", "surrogate") from None
    return text
