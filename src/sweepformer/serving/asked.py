"""What a request asks: its body, read and checked."""

import json
from dataclasses import dataclass
from typing import Any

from sweepformer.errors import UserError, hint, listed
from sweepformer.inference.texts import TextMaker
from sweepformer.serving.limits import Limits, Refused

FORM = '{"texts": ["a text", "another"]}'
KEYS = ("texts", "probabilities")
NAMES = {dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "a number", float: "a number"}


@dataclass(frozen=True)
class Asked:
    """texts: as `TextMaker` wrote them; probabilities: whether those of all classes are wanted."""

    texts: list[str]
    probabilities: bool


def read_asked(body: bytes, limits: Limits, texts: TextMaker) -> Asked:
    """A request's body, which is JSON of the form `FORM`, with `"probabilities": false` where these are not wanted.

    Raises:
        Refused: 400, it is not JSON; 422, it has another form, or a text is none; 413, it asks too much.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:  # or nested too deep
        raise Refused(400, f"The body is not JSON ({error}): send {FORM}.") from error
    if not isinstance(given, dict) or "texts" not in given:
        has = f"an object with {listed(map(repr, given)) or 'no key'}" if isinstance(given, dict) else _name(given)
        raise Refused(422, f'The body is {has}, and an object with "texts" is needed: {FORM}.')
    for key in given:
        if key not in KEYS:
            raise Refused(422, f"{key!r:.60} is no key of a request: there are {', '.join(KEYS)}.{hint(key, KEYS)}")
    probabilities = given.get("probabilities", True)
    if not isinstance(probabilities, bool):
        raise Refused(422, f'"probabilities" is {_name(probabilities)}, and true or false is needed.')
    return Asked(_written(given["texts"], limits, texts), probabilities)


def _written(rows: Any, limits: Limits, texts: TextMaker) -> list[str]:
    if not isinstance(rows, list):
        raise Refused(422, f'"texts" is {_name(rows)}, and a list of texts is needed: {FORM}.')
    if len(rows) > limits.texts:
        raise Refused(
            413, f"{len(rows):,} texts were given, and a request may have {limits.texts:,}: send several, one by one."
        )
    for number, row in enumerate(rows, 1):
        if (length := _characters(row)) > limits.characters:
            raise Refused(413, f"Text {number} has {length:,} characters, and a text may have {limits.characters:,}.")
    try:
        return [texts.of(row, f"Text {number}") for number, row in enumerate(rows, 1)]
    except UserError as error:
        raise Refused(422, str(error)) from error


def _characters(row: Any) -> int:
    """Of a text, two texts, or words; what is none of these is refused later, with a better message."""
    parts = row if isinstance(row, list) else [row]
    return sum(len(part) for part in parts if isinstance(part, str))


def _name(value: Any) -> str:
    return NAMES.get(type(value), "null")
