"""The first of two runs in one: it learns from texts alone, and the second begins with its encoder.

`pretrain` in a config holds what is different about the first run: its whole `task`, and keys of other groups. It
trains in the folder `pretraining` of the second, as a run like any other: killed, it goes on, and once it has its
result it is not trained again. So what was said of a run, that it is a function of its config and its directory, holds
of both together.
"""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweepformer.config.choices import leaves_stem_open, stem_by_the_task
from sweepformer.config.kinds import KINDS, task_kind


def first_config(cfg: DictConfig) -> DictConfig:
    """The config of the first run. Its splits are the second's, which so meets no text in its test that was seen."""
    # Unresolved: what is said of the task elsewhere (`callbacks.checkpoint.monitor`) shall be said of this one.
    config: Any = OmegaConf.to_container(cfg, resolve=False, enum_to_str=True)
    changes, config["pretrain"] = config["pretrain"], None
    kind = task_kind(config["task"]) or KINDS["Classification"]
    if "frozen_layers" in config["model"]:
        config["model"]["frozen_layers"] = None
    if leaves_stem_open(config["model"]) and not config["model"].get("init_from"):
        config["model"]["stem"], _ = stem_by_the_task(config, kind)  # the second's, which begins with this encoder
    if config["model"].get("wide"):  # of labels
        config["model"]["wide"]["enabled"] = False
    config["optimizer"].pop("layer_decay", None)
    config["data"].pop("sampling", None)  # by classes, which it doesn't look at
    if config["data"].get("truncation") == "windows":
        config["data"]["truncation"] = "head"  # of windows only the mean answer of a row is known
    for group, options in changes.items():
        config[group] = options if group == "task" else _merged(config.get(group), options)
    if "data" not in changes:
        config["task"]["stratify_by"] = kind.labels
    return OmegaConf.create(config)


def _merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return old | {key: _merged(old.get(key), value) for key, value in new.items()}
