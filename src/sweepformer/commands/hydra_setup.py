"""What Hydra is told of us before it composes a config.

This module must stay quick to import: `--help` waits for it, and every worker of a sweep.
"""

import uuid
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from omegaconf import DictConfig, OmegaConf

from sweepformer.config.composing import name_or, safe_name
from sweepformer.config.options import SCHEMAS
from sweepformer.config.presets import CONF


@cache  # a second call would only take its time
def register() -> None:
    """Make the schemas and resolvers known to Hydra."""
    store = ConfigStore.instance()
    for group, schemas in SCHEMAS.items():
        for name, schema in schemas.items():
            store.store(group=f"schema/{group}", name=name, node=schema)
    OmegaConf.register_new_resolver("name_or", name_or, replace=True)
    OmegaConf.register_new_resolver("safe_name", safe_name, replace=True)
    OmegaConf.register_new_resolver("short_id", lambda: uuid.uuid4().hex[:6], use_cache=True, replace=True)


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
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", list(overrides), **options)
