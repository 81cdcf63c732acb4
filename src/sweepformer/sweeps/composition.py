"""The config of each run of a sweep, as Hydra will compose it when that is started."""

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from sweepformer.config.composing import plain
from sweepformer.config.targets import named_packages
from sweepformer.errors import UserError
from sweepformer.runs.request import identity
from sweepformer.sweeps.hydra import Plugin

log = logging.getLogger(__name__)

# What goes by a run's place in its sweep, which in turn goes by its config.
OF_ONE_RUN = re.compile(r"\$\{hydra:\s*(job|job\.(num|id)|runtime|runtime\.output_dir|sweep|sweep\.subdir)\s*\}")
# How `commands.run` writes `KEY=VALUE` where the config that the sweep begins with has no such key.
LATER = re.compile(r"=tag\(later, choice\((.*)\)\)", re.DOTALL)


def for_later(override: str) -> str:
    """An override as what is swept, which Hydra leaves to the sweeper; to be read with `as_typed`."""
    key, _, value = override.partition("=")
    if not value or key.startswith("hydra.") or LATER.search(override):
        return override
    return f"{key}=tag(later, choice({value}))"


def as_typed(override: str) -> str:
    """An override as it was before `for_later`."""
    return LATER.sub(r"=\1", override)


class Composed(NamedTuple):
    """overrides: those that the run can take; config: plain; params: what a sweeper's preset or experiment varies."""

    overrides: list[str]
    config: dict[str, Any]
    params: dict[str, Any]


class Composition:
    """Composes the runs of the sweep in `path`. An override that is an option of what some runs have is left out of
    the others, as `final_ratio` is of those with another scheduler."""

    def __init__(self, plugin: Plugin, path: Path) -> None:
        self._plugin, self._path = plugin, path
        self._known: dict[tuple[str, ...], Composed] = {}
        self._taken: set[str] = set()
        self._left_out: dict[str, HydraException] = {}

    def of(self, overrides: Sequence[str]) -> Composed:
        """What a run is; a UserError if its config can't be used in a sweep."""
        key = tuple(overrides)
        if key not in self._known:
            self._known[key] = self._compose(key)
        return self._known[key]

    def _compose(self, overrides: Sequence[str]) -> Composed:
        rest, found = list(overrides), None
        while found is None:
            try:
                found = self._plugin.hydra_context.config_loader.load_sweep_config(self._plugin.config, rest)
            except HydraException as error:
                unknown = re.match("Could not override '([^']+)'", str(error))
                foreign = [one for one in rest if unknown and one.startswith(f"{unknown[1]}=")]
                if not foreign:
                    raise
                self._left_out |= dict.fromkeys(foreign, error)
                rest = [one for one in rest if one not in foreign]
        self._taken.update(rest)
        return self._read(rest, found)

    def _read(self, overrides: list[str], config: DictConfig) -> Composed:
        sweeper = config.hydra.sweeper
        if sweeper["_target_"] != self._plugin.config.hydra.sweeper["_target_"]:
            raise UserError(
                f"{' '.join(one for one in overrides if one.startswith('experiment='))} brings a sweeper of its own "
                f"({sweeper['_target_'].rpartition('.')[2]}): sweep it by itself."
            )
        with read_write(config), open_dict(config):
            config.hydra.sweep.dir = str(self._path)
            HydraConfig.instance().set_config(config)  # for `${hydra:...}`
            del config["hydra"]
        for key, text in _texts(OmegaConf.to_container(config, resolve=False)):
            if OF_ONE_RUN.search(text):
                raise UserError(
                    f"{key}={text}: in a sweep a run gets its number and folder by its config, so that it is found "
                    f"again, and its config can't go by these. Give values, as in {key}=1,2,3, or another "
                    "interpolation (${hydra:runtime.cwd}, ${hydra:sweep.dir}, ${seed})."
                )
        given = plain(config)
        named_packages(given)  # before a run is started that would refuse it
        return Composed(overrides, identity(given), dict(sweeper.get("params") or {}))

    def conclude(self) -> None:
        """Say what was left out of some runs; raises what Hydra says of an override that no run could take."""
        for override, error in self._left_out.items():
            if override not in self._taken:
                raise error
            log.info("%s: left out of the runs that have no such key", override)


def _texts(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All texts of a plain value with their keys."""
    if isinstance(node, dict | list):
        for name, one in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _texts(one, f"{key}.{name}".lstrip("."))
    elif isinstance(node, str):
        yield key, node
