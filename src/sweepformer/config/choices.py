"""Values that a run decides itself, where its config leaves them open."""

from collections.abc import Iterable
from typing import Any, NamedTuple


class Choice(NamedTuple):
    """One value that was decided. key: its full name in the config; why: for people, to go on from "as" or "for"."""

    key: str
    value: Any
    why: str


def with_choices(config: dict[str, Any], choices: Iterable[Choice]) -> dict[str, Any]:
    """A plain config in which what was decided stands in place of what was open; `config` itself stays as it is."""
    for key, value, _ in choices:
        config = _with(config, key.split("."), value)
    return config


def _with(node: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    first, *rest = path
    return {**node, first: _with(node[first], rest, value) if rest else value}
