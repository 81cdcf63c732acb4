"""What configs are once they are plain dicts, lists and primitives: named by a hash, and compared.

Nothing of Hydra's is needed for it: who uses a finished run need not load it.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any


def config_hash(config: dict[str, Any]) -> str:
    """Sixteen hex digits that name a plain config."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]


def check_groups(config: dict[str, Any], groups: Iterable[str]) -> None:
    """Raises a ValueError if a config from somewhere lacks a group, or has something else in its place."""
    for group in groups:
        if not isinstance(config.get(group), dict):
            raise ValueError(f"its config says of {group} only {config.get(group)!r:.60}")


def differing(old: Any, new: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    """What differs between two plain configs: a key and its two values, "(absent)" where there is none."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys(), key=str)
        return [
            found
            for name in keys
            for found in differing(old.get(name, "(absent)"), new.get(name, "(absent)"), f"{key}.{name}".lstrip("."))
        ]
    return [] if old == new else [(key, old, new)]


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What differs between two plain configs, a line a key."""
    found = [(key, *("null" if value is None else value for value in both)) for key, *both in differing(old, new)]
    return [f"{key}: {there} there, {now} now" for key, there, now in found]
