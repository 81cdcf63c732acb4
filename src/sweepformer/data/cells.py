"""One cell of a table, as it is trained on: an error says where it stands, and what is wrong with it."""

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from sweepformer.errors import UserError

LARGEST = float(np.finfo(np.float32).max)

Transform = Callable[[str], str]


def checked_text(value: Any, where: str, column: str | None, transform: Transform | None) -> str:
    """The text as it is trained on; an error names the row. column: where it stands, None if there are no columns."""
    of_column = "" if column is None else f" in column {column!r}"
    if value is None or (isinstance(value, str) and not value.strip()):
        raise UserError(f"{where}: there is no text{of_column}. Fill it in or remove the row.")
    if not isinstance(value, str):
        raise UserError(f"{where}: {type(value).__name__} {value!r:.60}{of_column} is not text.")
    if transform is not None:
        value = transform(value)
        if not isinstance(value, str) or not value.strip():
            raise UserError(f"{where}: data.transform made {value!r:.60} of a text; it must return a text.")
    if "\0" in value:
        raise UserError(f"{where}: the text holds a NUL byte: this is not a text file, or damaged.")
    return _writable(value, f"{where}: the text")


def checked_number(value: Any, where: str, column: str) -> float:
    """A number as it is trained on; an error names the row."""
    try:
        number = math.nan if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not abs(number) <= LARGEST:
        raise UserError(f"{where}: column {column!r} holds {value!r:.60}, which is no finite number of at most 3e38.")
    return number


def checked_labels(value: Any, where: str, column: str) -> list[str]:
    """A list of classes or tags as they are trained on; an error names the row."""
    if not isinstance(value, list):
        raise UserError(f"{where}: column {column!r} holds {value!r:.60}, which is no list.")
    return [sys.intern(checked_label(one, where, column)) for one in value]


def checked_label(value: Any, where: str, column: str | None) -> str:
    """A class or tag as it is trained on; an error names the row."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict | list):
        raise UserError(f"{where}: column {column!r} holds {value!r:.60}; a label is one word or number.")
    label = "" if value is None or value != value else str(value).strip()
    if not label:
        raise UserError(f"{where}: there is no label in column {column!r}. Fill it in or remove the row.")
    return _writable(label, f"{where}: the label")


def checked_group(value: Any, where: str, column: str) -> str:
    """A group as splits are cut by it; an error names the row."""
    if value is None or value != value or not str(value).strip():
        raise UserError(f"{where}: there is no group in column {column!r}. Fill it in or remove the row.")
    return _writable(str(value), f"{where}: the group")


def _writable(text: str, what: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(f"{what} holds half of a surrogate pair, which is no character.") from None
    return text
