"""What a run's config names by `_target_`, found and made without Hydra.

A config comes with the weights, from whoever made them: only models of this package are made of it, and what is in
packages that the caller trusts. Nothing else is imported: who uses a run doesn't load what trained it.
"""

import inspect
from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import nn

from sweepformer.baselines.baseline import Baseline
from sweepformer.config.targets import Names, find_allowed, is_within
from sweepformer.errors import UserError

LOADED = Names(
    packages=("sweepformer.models", "sweepformer.baselines"),
    in_words="Loading a run runs no code but that of sweepformer's models",
    advice=lambda packages: (
        f"say so: load(..., allowed_packages={packages}), or {' '.join(f'--allow {one}' for one in packages)}"
    ),
)


def make(key: str, config: dict[str, Any], allowed: Sequence[str] = (), **known: Any) -> Any:
    """Call what `config` names with its other keys and, of `known`, with what it has a parameter for.

    Args:
        key: where the config stands, for messages.
        config: plain, with `_target_`.
        allowed: packages beside our models that may be named.

    Raises:
        UserError: it is not allowed, not there, or can't be made so.
    """
    target = find_target(key, str(config.get("_target_")), allowed)
    given = {name: _made(f"{key}.{name}", value, allowed) for name, value in config.items() if not name.startswith("_")}
    if config.get("_partial_"):
        return partial(target, **given)
    parameters = inspect.signature(target).parameters
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    try:
        return target(**given, **{name: value for name, value in known.items() if takes_any or name in parameters})
    except (TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{key}: {config['_target_']} can't be made with the values of the run: {reason}") from error


def find_target(key: str, name: str, allowed: Sequence[str] = ()) -> Any:
    """The class or function of this name.

    Raises:
        UserError: it is not allowed, or not there.
    """
    target = find_allowed(key, name, allowed, LOADED)
    is_model = isinstance(target, type) and issubclass(target, nn.Module | Baseline)
    if not is_model and not is_within(name, allowed):
        raise UserError(f"{key}._target_={name} is no model.")
    return target


def _made(key: str, value: Any, allowed: Sequence[str]) -> Any:
    """A config's value, what is named in it made too."""
    if isinstance(value, dict):
        if "_target_" in value:
            return make(key, value, allowed)
        return {name: _made(f"{key}.{name}", one, allowed) for name, one in value.items()}
    return [_made(key, one, allowed) for one in value] if isinstance(value, list) else value
