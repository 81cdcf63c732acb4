"""The one place that turns config into objects."""

import inspect
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_class, get_method, instantiate
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from sweepformer.errors import UserError, hint


def build(key: str, config: dict[str, Any], **arguments: Any) -> Any:
    """Call the `_target_` that a plain config names with the config's other keys and `arguments`.

    Args:
        key: where the config stands (`optimizer`, `callbacks.checkpoint`), for messages.
        config: a plain dict with `_target_`.
        arguments: what only the program knows, such as the vocabulary's size. Those that the target has no
            parameter for are left out, so that a target asks for what it needs by naming it.

    Raises:
        UserError: no such target, or a key that its signature doesn't have.
    """
    target = find_target(key, config)
    known = parameters(target)
    given = {name: value for name, value in config.items() if not name.startswith("_")}
    if known is not None:
        for name in given:
            if name not in known:
                raise UserError(
                    f"{key}.{name}: {config['_target_']} has no parameter {name}.{hint(name, known, f'{key}.')} "
                    f"It takes: {', '.join(known)}."
                )
        arguments = {name: value for name, value in arguments.items() if name in known}
    try:
        # Arguments stay out of instantiate, which would look for targets inside them.
        make = instantiate({**config, "_convert_": "all", "_partial_": True})
        return make if config.get("_partial_") else make(**arguments)
    except (InstantiationException, ValueError, TypeError, MisconfigurationException) as error:
        cause = error.__cause__ or error
        reason = str(cause).splitlines()[0]
        raise UserError(f"{key}: {config['_target_']} can't be made with these values: {reason}") from error


def find_target(key: str, config: dict[str, Any]) -> Any:
    """The class or function that `config` names."""
    name = config.get("_target_")
    if not name:
        raise UserError(f"{key}._target_ is missing: name the class or function to call, as package.module.Name.")
    try:
        return get_class(name) if name.rsplit(".", 1)[-1][:1].isupper() else get_method(name)
    except Exception as error:
        raise UserError(f"{key}._target_={name} can't be imported: {str(error).splitlines()[0]}") from error


def parameters(target: Any) -> list[str] | None:
    """Names that `target` can be called with; None if it takes any."""
    signature = inspect.signature(target)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values()):
        return None
    return list(signature.parameters)
