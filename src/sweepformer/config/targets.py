"""Whose code a config may name.

A config is data, and may be somebody else's. What a `_target_` names is called with whatever the config gives it, so it
may name only what configs are for: parts of this package, of torch and of Lightning, and whatever is in the packages
that the user of this process has named with `allowed_packages`. Of other packages nothing is even imported, as that
would run their code.

Those packages are the user's word for this process and no part of what a run is: they are said where a command begins
(`trusting`), and a list that stands in another run's config is never read. This module is light, for those who use a
finished run and don't load what trained it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from sweepformer.errors import UserError

# Where this package keeps parts that configs name: classes, and of schedules the functions that make them.
SCHEDULES = "sweepformer.training.schedules"
OUR_PACKAGES = (
    "sweepformer.tasks", "sweepformer.models", "sweepformer.baselines", "sweepformer.data.sources",
    "sweepformer.training.callbacks", SCHEDULES,
)  # fmt: skip
LIBRARIES = ("torch", "torchmetrics", "pytorch_optimizer", "pytorch_lightning", "lightning_fabric")
# What a class of a library must be. By its name alone a config could also have torch.load, torch.hub, or the modules
# that torch imports, torch.os.system among them.
KINDS = frozenset(
    {
        "torch.nn.modules.module.Module",
        "torch.optim.optimizer.Optimizer",
        "torch.optim.lr_scheduler.LRScheduler",
        "pytorch_lightning.callbacks.callback.Callback",
        "pytorch_lightning.trainer.trainer.Trainer",
        "pytorch_lightning.profilers.profiler.Profiler",
        "pytorch_lightning.plugins.layer_sync.LayerSync",
        "pytorch_lightning.strategies.strategy.Strategy",
        "lightning_fabric.loggers.logger.Logger",
        "lightning_fabric.accelerators.accelerator.Accelerator",
        "lightning_fabric.plugins.precision.precision.Precision",
        "lightning_fabric.plugins.io.checkpoint_io.CheckpointIO",
        "lightning_fabric.plugins.environments.cluster_environment.ClusterEnvironment",
    }
)


@dataclass(frozen=True)
class Names:
    """What configs may name in some place without being told so.

    packages: those of which anything is imported at all; in_words: what they may name, for messages; advice: how to
    allow some packages besides; models: the base classes of models, where nothing else may be named.
    """

    packages: tuple[str, ...]
    in_words: str
    advice: Callable[[list[str]], str]
    models: tuple[type, ...] = ()


TRAINED = Names(
    packages=("sweepformer", *LIBRARIES),
    in_words="Configs may name tasks, models, optimizers, schedules, metrics, callbacks, loggers, strategies and the "
    f"like of sweepformer, {', '.join(LIBRARIES)}",
    advice=lambda packages: f"add 'allowed_packages=[{','.join(packages)}]' to the command",
)

_trusted: ContextVar[tuple[str, ...]] = ContextVar("packages that the user has named", default=())


@contextmanager
def trusting(packages: Sequence[str]) -> Iterator[None]:
    """Let configs name whatever is in these packages, besides what they always may, until the block ends."""
    token = _trusted.set(tuple(packages))
    try:
        yield
    finally:
        _trusted.reset(token)


def trusted_packages() -> tuple[str, ...]:
    """The packages that the user has named."""
    return _trusted.get()


def named_packages(config: dict[str, Any]) -> tuple[str, ...]:
    """`allowed_packages` of a plain config, which must be the user's own; a UserError if it is no list of names."""
    given = config.get("allowed_packages") or []
    if not isinstance(given, list) or not all(re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", str(one)) for one in given):
        raise UserError(
            f"allowed_packages={given}: give a list of packages or modules, such as 'allowed_packages=[mine]'."
        )
    return tuple(given)


def check_targets(config: Any, allowed: Sequence[str], key: str = "") -> None:
    """Look up every `_target_` in a plain config, before anything of it is made; raises as `find_allowed`."""
    if isinstance(config, dict | list):
        for name, value in config.items() if isinstance(config, dict) else enumerate(config):
            if name != "_target_":
                check_targets(value, allowed, f"{key}.{name}".lstrip("."))
            elif value:
                find_allowed(key, str(value), allowed)


def find_allowed(key: str, name: str, allowed: Sequence[str], names: Names = TRAINED) -> Any:
    """The class or function that the `_target_` of `key` names; a UserError if there is none, or no config may name it.

    key: where the name stands in the config, for messages; name: as package.module.Name; allowed: packages or modules
    whose every part may be named, besides the `names` that always may.
    """
    if not is_within(name, (*allowed, *names.packages)):
        package = name.partition(".")[0]
        raise _refusal(key, name, f"{package} is not a package that configs may name", package, allowed, names)
    try:
        found = _look_up(name)
    except Exception as error:  # whatever a module does while it is imported
        reason = str(error).partition("\n")[0]
        raise UserError(f"{key}._target_={name} can't be imported ({type(error).__name__}: {reason}).") from error
    if not callable(found):
        raise UserError(f"{key}._target_={name} is no class and no function: there is nothing to call.")
    home = getattr(found, "__module__", None) or "builtins"
    is_class = isinstance(found, type)
    is_ours = is_within(home, OUR_PACKAGES) and (is_class or home == SCHEDULES)
    is_library = is_within(home, LIBRARIES) and is_class
    is_library = is_library and any(f"{one.__module__}.{one.__qualname__}" in KINDS for one in found.__mro__)
    if not (is_within(home, allowed) or is_ours or is_library):
        what = f"it is {home}.{getattr(found, '__qualname__', name)}, and no part that configs are for"
        raise _refusal(key, name, what, home, allowed, names)
    if names.models and not (is_class and issubclass(found, names.models)) and not is_within(name, allowed):
        raise UserError(f"{key}._target_={name} is no model.")
    return found


def is_within(name: str, packages: Sequence[str]) -> bool:
    """Whether a dotted name is one of these packages or stands in one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _look_up(name: str) -> Any:
    """What a dotted name stands for. Modules are imported where their name is met, and nothing beside them."""
    first, *others = name.split(".")
    found: Any = import_module(first)
    so_far = first
    for part in others:
        so_far = f"{so_far}.{part}"
        try:
            found = getattr(found, part)
        except AttributeError:
            if not isinstance(found, ModuleType):
                raise
            found = import_module(so_far)
    return found


def _refusal(key: str, name: str, reason: str, package: str, allowed: Sequence[str], names: Names) -> UserError:
    named = f", and whatever is in {', '.join(allowed)}" if allowed else ""
    return UserError(
        f"{key}._target_={name}: {reason}. {names.in_words}{named}. If you trust {package}, whose code will then run, "
        f"{names.advice([*allowed, package])}."
    )
