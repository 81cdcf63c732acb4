"""The settings that tell runs apart, and what each run has for them."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

# They name and conduct runs, and change nothing about what comes out.
ASIDE = ("name", "hydra", "logger", "sweep", "allowed_packages")
DEFAULT = ""  # of a group that a run leaves as it is


def settings_of(overrides: Sequence[Sequence[str]], configs: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """For every run its value of each key in which not all runs agree; the keys in the order in which they were typed.

    A key that was typed for some runs has its value from the config for the others, so that `seed=0` and the default
    of 0 are the same. A group (`model=tfidf`) has the name that was typed, and none where it was left alone. Keys that
    nobody typed are listed only where runs would be told apart by nothing else.
    """
    typed = [_by_key(one) for one in overrides]
    keys = list(dict.fromkeys(key for one in typed for key in one))
    values = [
        {key: _value(config, key, one.get(key, DEFAULT)) for key in keys}
        for one, config in zip(typed, configs, strict=True)
    ]
    for key in _unnamed(values, configs, keys):
        for one, config in zip(values, configs, strict=True):
            one[key] = _value(config, key, DEFAULT)
    differing = [key for key in (values[0] if values else ()) if len({one[key] for one in values}) > 1]
    return [{key: one[key] for key in differing} for one in values]


def essence(config: dict[str, Any]) -> dict[str, Any]:
    """Of a config what makes a run, without its name and what conducts and logs it."""
    return {key: value for key, value in config.items() if not _is_aside(key)}


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Keys without the groups in front, where that leaves no two alike: `model.num_heads` is `num_heads`."""
    last = [key.rpartition(".")[2] for key in keys]
    return {key: one if last.count(one) == 1 else key for key, one in zip(keys, last, strict=True)}


def _by_key(overrides: Sequence[str]) -> dict[str, str]:
    pairs = (one.lstrip("+").partition("=")[::2] for one in overrides)
    return {key: text for key, text in pairs if not _is_aside(key)}


def _is_aside(key: str) -> bool:
    return key.replace("/", ".").partition(".")[0] in ASIDE


def _value(config: dict[str, Any], key: str, typed: str) -> str:
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, dict) or part not in node:
            return typed
        node = node[part]
    return typed if isinstance(node, dict) else _text(node)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value) if not isinstance(value, float) else str(value)


def _unnamed(values: list[dict[str, str]], configs: Sequence[dict[str, Any]], keys: list[str]) -> list[str]:
    """Keys of the config in which runs differ that are alike in all that was typed."""
    alike = defaultdict(list)
    for one, config in zip(values, configs, strict=True):
        alike[tuple(one.values())].append(config)
    found: dict[str, None] = {}
    for group in alike.values():
        if any(config != group[0] for config in group):
            leaves = [dict(_leaves(config)) for config in group]
            every = dict.fromkeys(key for one in leaves for key in one)
            found |= dict.fromkeys(key for key in every if len({one.get(key, DEFAULT) for one in leaves}) > 1)
    return [key for key in found if not _is_aside(key) and key not in keys]


def _leaves(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _leaves(value, f"{key}.{name}".lstrip("."))
    else:
        yield key, _text(node)
