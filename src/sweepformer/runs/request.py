"""What is asked of a run: its config, by which it is known, and how it was started."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from sweepformer.config.build import find_target
from sweepformer.config.composing import plain
from sweepformer.config.kinds import KINDS, Kind
from sweepformer.config.metrics import with_modes
from sweepformer.config.plain import config_hash
from sweepformer.config.pretraining import first_config
from sweepformer.config.targets import named_packages
from sweepformer.errors import UserError
from sweepformer.runs.finding import resolve_init_from

# Of a config, but not of a run: how the sweep around it is conducted, and whose code may be named.
NOT_OF_THE_RUN = ("sweep", "allowed_packages")


@dataclass(frozen=True)
class Launch:
    """How a run was started, which no config says.

    overrides: as they were typed; hydra: what Hydra would write into `.hydra/`, by file name; in_sweep: whether it is
    one of a sweep's.
    """

    overrides: tuple[str, ...] = ()
    hydra: Mapping[str, str] = field(default_factory=dict)
    in_sweep: bool = False


@dataclass(frozen=True)
class Request:
    """A run that is asked for.

    composed: its config, interpolations and all; config: the same, plain, without what is no part of the run: what the
    run is known by, hashed and saved; packages: whose parts it may name, by the user's word.
    """

    composed: DictConfig
    config: dict[str, Any]
    packages: tuple[str, ...]
    launch: Launch

    @property
    def hash(self) -> str:
        return config_hash(self.config)

    @property
    def files(self) -> dict[str, str]:
        """Contents of the run's `.hydra/` by file name."""
        return {"config.yaml": OmegaConf.to_yaml(self.composed), **self.launch.hydra}

    @property
    def monitor(self) -> str:
        """What the best checkpoint is chosen by; the config may have no task yet that says it."""
        task = self.config.get("task")
        return str(task.get("monitor", "val_acc")) if isinstance(task, dict) else "val_acc"

    @cached_property
    def kind(self) -> Kind:
        """The kind of its task; a task of a user's own that doesn't say has one class a row."""
        return getattr(find_target("task", self.config["task"]), "kind", KINDS["Classification"])

    @property
    def begins_with(self) -> str | None:
        """The run or checkpoint that `model.init_from` names."""
        init_from = self.config["model"].get("init_from")
        return init_from["path"] if init_from else None

    @property
    def pretraining(self) -> "Request | None":
        """The first of two runs, if `pretrain` asks for one."""
        if not self.config.get("pretrain"):
            return None
        return replace(read(first_config(self.composed), self.launch), packages=self.packages)


def read(composed: DictConfig, launch: Launch | None = None) -> Request:
    """What a composed config asks for.

    Raises:
        UserError: a value is missing or can't be resolved, or `model.init_from` names nothing to begin with.
    """
    config = plain(composed)
    return Request(composed, identity(config), named_packages(config), launch or Launch())


def identity(config: dict[str, Any]) -> dict[str, Any]:
    """Of a plain config what says what the run is: modes as their metrics have them, `model.init_from` with what is in
    that file; raises a UserError if that names nothing that a run can begin with."""
    found = with_modes({key: value for key, value in config.items() if key not in NOT_OF_THE_RUN})
    task, model = found.get("task"), found.get("model")
    if isinstance(task, dict) and str(task.get("class_weights")).startswith("{"):
        found["task"] = {**task, "class_weights": _mapping(task["class_weights"])}
    if isinstance(model, dict) and model.get("init_from"):
        checkpoint = resolve_init_from(str(model["init_from"]))
        about = checkpoint.stat()
        digest = _digest(checkpoint.absolute(), about.st_mtime_ns, about.st_size)
        found["model"] = {**model, "init_from": {"path": str(model["init_from"]), "sha256": digest}}
    return found


def _parted(name: str, weight: str) -> tuple[str, str]:
    """A name and its weight, also where no space parts them, as in `red:5`."""
    found = re.fullmatch(r"(.+):([-+]?[\d.]+(?:[eE][-+]?\d+)?)", name)
    return (found[1], found[2]) if found and not weight else (name, weight)


def _mapping(given: Any) -> Any:
    """Weights by class of a text such as `{True: 5}`, whose keys are names whatever they look like."""
    if not isinstance(given, str):
        return given
    try:
        named = yaml.load(given, yaml.BaseLoader)  # makes nothing but texts
        named = dict(_parted(name, weight) for name, weight in named.items())
        weights = {name: yaml.safe_load(weight) for name, weight in named.items()}
    except (yaml.YAMLError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"task.class_weights={given} is no list of weights by class ({reason}).{_IN_QUOTES}") from error
    if bare := [name for name, weight in weights.items() if weight is None]:
        raise UserError(f"task.class_weights={given}: there is no weight for {bare[0]}.{_IN_QUOTES}")
    return weights


_IN_QUOTES = """ A name with a comma, colon or quote goes in quotes: 'task.class_weights={"Injury, poisoning": 5}'."""


@lru_cache(maxsize=64)
def _digest(path: Path, changed: int, size: int) -> str:
    """changed, size: so that another file under the same name is read again; a sweep asks for every run."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
