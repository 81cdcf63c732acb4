"""What configs are once they are plain dicts, lists and primitives: named by a hash, compared, under today's names.

Keys have other names than they once had. Typed, an old name is refused with the new one; in what was saved with it, it
is read as the new one. Nothing of Hydra's is needed here: who uses a finished run need not load it.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from sweepformer.errors import UserError

RENAMED = {
    "data.long_rows": "data.truncation",
    "model.longest": "model.ngram_order",
    "model.strengths": "model.c_grid",
    "model.wide.letters": "model.wide.char_ngram_weight",
    "model.wide.longest": "model.wide.ngram_order",
    "model.wide.strengths": "model.wide.c_grid",
    "task.cut_by": "task.stratify_by",
}
# Keys that runs were saved without, by where rows came from: what they did is what these values say.
OF_SPLITS = {"drop_duplicates": "train", "rare_classes": "refuse", "unseen_labels": "count"}
OF_FILES = dict.fromkeys(("label_file", "sentence_column", "format", "encoding", "separator", "quoting", "header"))
ADDED: dict[str, dict[str, Any]] = {
    "files.Files": OF_FILES | {"blank": "refuse"},
    "conll.Conll": {"encoding": None, "blank": "refuse"},
    "folder.Folder": {"blank": "refuse"},
    "hub.Hub": {"blank": "refuse"},
}
FIRST_RUN = "pretrain."  # what of it differs from the second's stands under the same names


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


def renaming(key: str) -> str | None:
    """The message that a key has another name now; None if it hasn't."""
    asked = key.lstrip("+~")
    prefix = FIRST_RUN if asked.startswith(FIRST_RUN) else ""
    new = RENAMED.get(asked.removeprefix(prefix))
    return new and f"{asked} was renamed: it is {prefix}{new} now."


def check_names(config: dict[str, Any]) -> None:
    """Raises a UserError at an old name in a plain config, which need not have been composed with our schemas."""
    for prefix, part in _parts(config):
        for old in _old_names(part):
            raise UserError(str(renaming(f"{prefix}{old}")))


def with_new_names(config: dict[str, Any]) -> dict[str, Any]:
    """A plain config that was saved, under the names that keys have now, with all that there are now; what it says
    stays as it is."""
    for prefix, part in _parts(config):
        for old in _old_names(part):
            config = _moved(config, f"{prefix}{old}".split("."), RENAMED[old].rpartition(".")[2])
    data = config.get("data")
    if isinstance(data, dict) and "val_fraction" in data:
        config = {**config, "data": _added(data) | data}
    return config


def _added(data: dict[str, Any]) -> dict[str, Any]:
    """What the data of a saved config would have said of keys that came later."""
    source = ".".join(str(data.get("_target_")).split(".")[-2:])
    once = {"drop_duplicates": "all"} if data.get("val_file") or data.get("test_file") else {}
    return OF_SPLITS | ADDED.get(source, {}) | once


def overrides_with_new_names(overrides: Iterable[str], config: dict[str, Any]) -> list[str]:
    """What was typed for a run, under the names that keys have now.

    config: the run's, as it was saved: a model of a user's own may have keys that are called as ours once were.
    """
    old_names = {f"{prefix}{old}": RENAMED[old] for prefix, part in _parts(config) for old in _old_names(part)}
    found = []
    for override in overrides:
        key, equals, value = override.partition("=")
        name = key.lstrip("+~")
        if name in old_names:
            prefix = FIRST_RUN if name.startswith(FIRST_RUN) else ""
            key = f"{key.removesuffix(name)}{prefix}{old_names[name]}"
        found.append(f"{key}{equals}{value}")
    return found


def _parts(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The config, and what it says of the first of two runs; with what the names of keys there begin with."""
    yield "", config
    if isinstance(first := config.get("pretrain"), dict):
        model, whole = first.get("model"), config.get("model")
        if isinstance(model, dict) and isinstance(whole, dict):  # it need not be said again which model it is
            first = {**first, "model": {"_target_": whole.get("_target_"), **model}}
        yield FIRST_RUN, first


def _old_names(config: dict[str, Any]) -> list[str]:
    """The old names in it. What a model of a user's own takes is left alone, but `wide`, which the program reads."""
    there = [old for old in RENAMED if _has(config, old.split("."))]
    return [old for old in there if not re.fullmatch(r"model\.\w+", old) or _is_ours(config)]


def _is_ours(config: dict[str, Any]) -> bool:
    return str(config["model"].get("_target_")).startswith("sweepformer.")


def _has(node: Any, key: list[str]) -> bool:
    for name in key:
        if not isinstance(node, dict) or name not in node:
            return False
        node = node[name]
    return True


def _moved(node: dict[str, Any], key: list[str], new: str) -> dict[str, Any]:
    """A copy, in which what is at `key` stands at the same place and is called `new`."""
    first, *rest = key
    if rest:
        return {**node, first: _moved(node[first], rest, new)}
    return {new if name == first else name: value for name, value in node.items()}
