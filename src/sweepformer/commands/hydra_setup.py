"""What Hydra is told of us before it composes a config.

This module must stay quick to import: `--help` waits for it, and every worker of a sweep.
"""

import uuid
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import hydra.utils
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from omegaconf import DictConfig, OmegaConf

from sweepformer.config.composing import name_or, safe_name
from sweepformer.config.options import SCHEMAS
from sweepformer.config.presets import CONF

# Hydra 1.4 has one behaviour, deprecates `version_base`, and asks what its own callbacks and loggers may be: those that
# conf/ names or its user does. What a run is made of is no matter of Hydra's: see `config.targets`.
IS_NEW = tuple(map(int, hydra.__version__.split(".")[:2])) >= (1, 4)
_utils: Any = hydra.utils
VERSION: dict[str, Any] = {} if IS_NEW else {"version_base": "1.3"}
MAIN = {"execution_whitelist": _utils.UNSAFE_DISABLE_EXECUTION_CHECKS} if IS_NEW else VERSION


@cache  # a second call would only take its time
def register() -> None:
    """Make the schemas and resolvers known to Hydra."""
    store = ConfigStore.instance()
    for group, schemas in SCHEMAS.items():
        for name, schema in schemas.items():
            store.store(group=f"schema/{group}", name=name, node=schema)
    known: Any = OmegaConf
    resolver = partial(known.register_resolver, annotation_validation="off") if IS_NEW else known.register_new_resolver
    resolver("name_or", name_or, replace=True)
    resolver("safe_name", safe_name, replace=True)
    resolver("short_id", lambda: uuid.uuid4().hex[:6], use_cache=True, replace=True)


def prefer_own_presets(conf: Path) -> None:
    """Let the files in `conf/hydra/` stand alone.

    Hydra would merge each with a plugin's node of the same name, deprecated long since, and warn of it.
    """
    Plugins.instance()  # loads the plugins, which store their nodes
    nodes = ConfigStore.instance().repo["hydra"]
    for preset in conf.glob("hydra/*/*.yaml"):
        nodes.get(preset.parent.name, {}).pop(preset.name, None)


def composed(overrides: Sequence[str], **options: Any) -> DictConfig:
    """The config of a command with these overrides; options: as `hydra.compose` has them."""
    with initialize_config_dir(str(CONF), **VERSION):
        return compose("config", list(overrides), **options)
