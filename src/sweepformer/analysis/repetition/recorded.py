"""The config of a run as it was recorded, made fit to be composed again.

The run may be somebody else's, so its config is data: nothing in it is looked up here, and it neither says where files
are written nor which packages may be called.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from yaml import YAMLError, safe_load

from sweepformer.config.composing import plain
from sweepformer.config.plain import with_new_names
from sweepformer.config.rules import TOP_LEVEL
from sweepformer.errors import UserError
from sweepformer.runs.directory import RunDirectory
from sweepformer.runs.environment import flat, refuse_newer

# Another value of the same config, as in ${optimizer.lr}; what has a colon in it is a resolver's, as in ${oc.env:HOME}.
OTHER_VALUE = re.compile(r"\$\{[\w.]+\}")
# Of this command, not of what is repeated: the folder of runs, how sweeps are conducted, what may be called.
OF_THE_COMMAND = ("name", "sweep", "allowed_packages")
WRITERS = ("callbacks", "logger", "trainer")
# What a logger's values are that have it send out what it is given, and what takes their place.
ONLINE: dict[tuple[object, object], bool | str] = {
    ("offline", False): True,
    ("mode", "online"): "offline",
    ("mode", "shared"): "offline",
}
PLACE = re.compile(r"(dir|path|root|folder)$")


@dataclass(frozen=True)
class Recorded:
    """A run's config.

    run: its directory; config: plain, references to other values of the config unresolved; options: the option of each
    config group; overrides: as typed; left_out: "key=value" of what said where files are written.
    """

    run: RunDirectory
    config: dict[str, Any]
    options: dict[str, str]
    overrides: list[str]
    left_out: list[str]


def read_recorded(run: RunDirectory) -> Recorded:
    """What `RunDirectory.claim` wrote.

    Raises:
        UserError: it is damaged, or holds what this version doesn't know.
    """
    refuse_newer(run.read_environment(), str(run.path))
    config, resolved = _read(run, "config.yaml"), run.read_config()
    hydra, overrides = _read(run, "hydra.yaml"), _read(run, "overrides.yaml")
    overrides = overrides if isinstance(overrides, list) else []
    if not isinstance(config, dict) or not isinstance(resolved, dict):
        raise UserError(f"{run.path / '.hydra'}: it holds no config of a run.")
    config = {key: value for key, value in with_new_names(config).items() if key not in OF_THE_COMMAND} | {"name": None}
    for key in config:
        if key not in TOP_LEVEL:
            raise UserError(f"{run.path}: {key}: there is no such key in this version. {made_with(run)}")
    if isinstance(config.get("pretrain"), dict):
        config["pretrain"] = {key: value for key, value in config["pretrain"].items() if key not in OF_THE_COMMAND}
    config = _without_lookups(config, resolved)
    try:
        meant = plain(OmegaConf.create(config))
    except RecursionError as error:
        raise UserError(f"{run.path}: values of its config refer to each other in a circle.") from error
    left_out = list(_leave_out_places(config, meant))
    try:
        options = dict(hydra["hydra"]["runtime"]["choices"])
    except (TypeError, KeyError, ValueError):
        options = {}
    typed = run.with_new_names([one for one in overrides if isinstance(one, str)])
    typed = [one for one in typed if not re.match(rf"[+~]*({'|'.join(OF_THE_COMMAND)}|hydra)\b", one)]
    return Recorded(run, config, options, typed, left_out)


def made_with(run: RunDirectory) -> str:
    """The version and commit that a run was made with, for messages."""
    facts = flat(run.read_environment())
    version, commit = facts.get("versions.sweepformer", "of an unknown version"), facts.get("git.commit")
    return f"That run was made by sweepformer {version}" + (f", commit {str(commit)[:10]}." if commit else ".")


def as_text(value: Any) -> Any:
    """`value` with its strings marked as mere text, of which a config looks nothing up."""
    if isinstance(value, dict):
        return {key: as_text(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_text(one) for one in value]
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if isinstance(value, str) else value


def _read(run: RunDirectory, name: str) -> Any:
    path = run.path / ".hydra" / name
    try:
        return safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}): the run can't be repeated.") from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: the run can't be repeated.") from error


def _without_lookups(recorded: Any, resolved: Any) -> Any:
    """`recorded` with the value that was found then in place of what would be looked up anew."""
    if isinstance(recorded, dict):
        known = resolved if isinstance(resolved, dict) else {}
        return {key: _without_lookups(one, known.get(str(key))) for key, one in recorded.items()}
    if isinstance(recorded, list):
        alike = isinstance(resolved, list) and len(resolved) == len(recorded)
        return [_without_lookups(one, resolved[place] if alike else None) for place, one in enumerate(recorded)]
    if isinstance(recorded, str) and "${" in OTHER_VALUE.sub("", recorded):
        return as_text(resolved)
    return recorded


def _leave_out_places(config: dict[str, Any], meant: dict[str, Any], key: str = "") -> Iterator[str]:
    """Take out of a config where files are written; says what is taken out.

    meant: the same with its references resolved.
    """
    for group in WRITERS:
        if isinstance(config.get(group), str):
            config[group] = as_text(meant[group])  # a reference to a part that is allowed more
        yield from _leave_out(config.get(group), meant.get(group), f"{key}{group}")
    if isinstance(config.get("data"), dict) and meant["data"].get("cache_dir") is not None:
        yield f"{key}data.cache_dir={meant['data']['cache_dir']}"
        config["data"]["cache_dir"] = None
    if isinstance(config.get("pretrain"), dict):
        yield from _leave_out_places(config["pretrain"], meant["pretrain"], "pretrain.")


def _leave_out(node: Any, meant: Any, key: str) -> Iterator[str]:
    if not isinstance(node, dict | list):
        return
    if isinstance(node, dict) and str(meant.get("_target_")).endswith("WandbLogger"):
        meant["offline"] = node.setdefault("offline", False)  # as Lightning has it where nothing is said
    for name in list(node) if isinstance(node, dict) else range(len(node)):
        value = meant[name]
        if isinstance(node[name], str) and isinstance(value, dict | list):
            node[name] = as_text(value)
        if isinstance(value, str) and (PLACE.search(str(name)) or _leads_away(value)):
            yield f"{key}.{name}={value}"
            if name == "dirpath":
                del node[name]  # a checkpoint's callback that has none takes the run's folder
            else:
                node[name] = None
        elif isinstance(value, bool | str) and (name, value) in ONLINE:
            yield f"{key}.{name}={str(value).lower()}"
            node[name] = ONLINE[name, value]
        else:
            yield from _leave_out(node[name], value, f"{key}.{name}")


def _leads_away(value: str) -> bool:
    return Path(value).is_absolute() or ".." in Path(value).parts or value.startswith("~") or "://" in value
