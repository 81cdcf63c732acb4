"""The words that the shell may complete of `sweepformer run`: flags, runs, groups, keys and values."""

import re
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, EnumNode, OmegaConf

from sweepformer.commands.hydra_setup import composed, prefer_own_presets, register
from sweepformer.config.presets import CONF, groups
from sweepformer.runs.finding import is_run, runs_in

NOT_PLAIN = re.compile(r"([^\w@%+=:,./~-])")  # what a shell takes for something of its own


def run_folders(word: str) -> list[str]:
    """The runs that a path may go on to, and folders that hold some, with a backslash before each special character.

    A run ends in a space; a folder, which may be a sweep, in a slash. Nothing where no run is near, so that the shell
    offers its files: a checkpoint may be meant.
    """
    above, slash, begun = word.rpartition("/")
    try:
        folders = sorted(one for one in Path(above + slash).expanduser().iterdir() if one.name.startswith(begun))
        ends = {one.name: end for one in folders if begun or one.name[0] != "." if (end := _end(one))}
    except (OSError, RuntimeError):  # no such folder, not ours to read, no such user
        return []
    return [NOT_PLAIN.sub(r"\\\1", above + slash + name) + end for name, end in ends.items()]


def _end(folder: Path) -> str:
    if not folder.is_dir():
        return ""
    if is_run(folder):
        return " "
    try:
        return "/" if next(runs_in(folder), None) else ""
    except OSError:  # not ours to read
        return ""


FLAGS = ("--cfg", "--config-dir", "--from-run", "--help", "--hydra-help", "--info", "--multirun")
SHOWN = ("job", "hydra", "all")  # by --cfg


def run_words(before: list[str], word: str) -> list[str]:
    """What the last word of `sweepformer run` may become, after those `before`; complete ones end in a space."""
    if before[-1:] == ["--from-run"]:
        return run_folders(word)
    if before[-1:] == ["--cfg"]:
        return [f"{what} " for what in SHOWN if what.startswith(word)]
    if word.startswith("-"):
        return [f"{flag} " for flag in FLAGS if flag.startswith(word)]
    key, equals, value = word.partition("=")
    if not equals:
        names = [f"{group}=" for group in groups()] + _keys(_config(before), key)
        return sorted({name for name in names if name.startswith(word)})
    options = list(groups().get(key, ())) or _values(_config(before), key)
    # Of several values, a sweep's or a list's, the last one is typed.
    earlier, last = re.fullmatch(r"(.*[,\[])?(.*)", value, re.DOTALL).groups("")  # type: ignore[union-attr]
    end = "" if earlier or {"-m", "--multirun"} & set(before) else " "
    return [f"{key}={earlier}{option}{end}" for option in options if option.startswith(last)]


def _config(before: list[str]) -> DictConfig:
    """The config as the words before choose it, or as it is without them if they can't be used yet."""
    register()
    prefer_own_presets(CONF)
    overrides = [word for word in before if not word.startswith("-")]
    for chosen in (overrides, []):
        try:
            return composed(chosen, return_hydra_config=True)
        except HydraException:
            continue
    return DictConfig({})


def _keys(config: DictConfig, word: str) -> list[str]:
    """The keys that begin like the word: a section's ends in a dot, a value's in =."""
    above, dot, _ = word.rpartition(".")
    section = _section(config, above)
    nodes = {str(name): node for name, node in section.items_ex(resolve=False)}
    return [f"{above}{dot}{name}" + ("." if isinstance(node, DictConfig) else "=") for name, node in nodes.items()]


def _values(config: DictConfig, key: str) -> list[str]:
    """What a key may hold, if that is a choice; a number that it holds now. Nothing for texts, which may be files."""
    above, _, name = key.rpartition(".")
    # OmegaConf tells the type of a value, but not of a key that has none (tests/contracts/test_others.py).
    node: Any = _section(config, above)._get_node(name, validate_access=False)
    if isinstance(node, EnumNode):
        return list(node.enum_type.__members__)
    value = OmegaConf.select(config, key, throw_on_resolution_failure=False, throw_on_missing=False)
    if isinstance(value, bool):
        return ["true", "false"]
    return [str(value)] if isinstance(value, int | float) else []


def _section(config: DictConfig, key: str) -> DictConfig:
    found = OmegaConf.select(config, key, throw_on_resolution_failure=False) if key else config
    return found if isinstance(found, DictConfig) else DictConfig({})
