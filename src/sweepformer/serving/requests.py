"""What may be asked, and how a request is read."""

import json
from dataclasses import dataclass, fields
from typing import Any

from sweepformer.errors import UserError, hint, listed
from sweepformer.inference.texts import TextMaker

FAILED = "The server failed at this request; what happened is in its log."


@dataclass(frozen=True)
class Limits:
    """What is accepted; a text longer than the model reads is, and cut.

    body: bytes of a request's body. texts: in a request. characters: of a text. queue: texts that may wait for an
    answer, of all requests together.

    Raises:
        UserError: one is not positive, or a request of so many texts could never wait.
    """

    body: int = 1 << 20
    texts: int = 500
    characters: int = 50_000
    queue: int = 2_000

    def __post_init__(self) -> None:
        for one in fields(self):
            if getattr(self, one.name) < 1:
                raise UserError(f"--max-{one.name} {getattr(self, one.name)} must be at least 1.")
        if self.queue < self.texts:
            raise UserError(
                f"--max-queue {self.queue} is less than --max-texts {self.texts}: a request of so many texts "
                "could never wait for an answer."
            )


class Refused(Exception):
    """A request that is not answered.

    status: of HTTP, 4xx or 5xx; message: all that its sender sees.
    """

    def __init__(self, status: int = 500, message: str = FAILED) -> None:
        super().__init__(" ".join(message.split()))  # one line
        self.status = status


FORM = '{"texts": ["a text", "another"]}'
KEYS = ("texts", "probabilities")
NAMES = {dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "a number", float: "a number"}


def read_asked(body: bytes, limits: Limits, texts: TextMaker) -> tuple[list[str], bool]:
    """The texts of a request as `TextMaker` writes them, and whether the probabilities of all classes are wanted.

    It is JSON of the form `FORM`, with `"probabilities": false` where these are not wanted.

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
    return _written(given["texts"], limits, texts), probabilities


def _written(rows: Any, limits: Limits, texts: TextMaker) -> list[str]:
    if not isinstance(rows, list):
        raise Refused(422, f'"texts" is {_name(rows)}, and a list of texts is needed: {FORM}.')
    if len(rows) > limits.texts:
        most = f"a request may have {limits.texts:,}: send several, one by one."
        raise Refused(413, f"{len(rows):,} texts were given, and {most}")
    for number, row in enumerate(rows, 1):
        parts = row if isinstance(row, list) else [row]  # two texts, or words; what is none of these is refused below
        length = sum(len(part) for part in parts if isinstance(part, str))
        if length > limits.characters:
            raise Refused(413, f"Text {number} has {length:,} characters, and a text may have {limits.characters:,}.")
    try:
        return [texts.of(row, f"Text {number}") for number, row in enumerate(rows, 1)]
    except UserError as error:
        raise Refused(422, str(error)) from error


def _name(value: Any) -> str:
    return NAMES.get(type(value), "null")
