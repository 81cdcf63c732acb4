"""A config as Hydra composes it and as the program reads it.

This module must stay quick to import: `--help` waits for it.
"""

import hashlib
import json
import re
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweepformer.errors import UserError

LARGEST = 2**63 - 1


def name_or(name: str | None, default: str) -> str:
    """A name that can be a folder's, or the default if there is none."""
    if name is None:
        return default
    if not re.fullmatch(r"[\w][\w.+=,@ -]{0,99}", str(name)):
        raise UserError(
            f"name={name!r} can't be a folder's name: use up to 100 letters, digits and _ . + = , @ - "
            "(no slashes, not starting with a dot)."
        )
    return str(name)


def safe_name(overrides: str, longest: int = 230) -> str:
    """Overrides as one folder name: of paths only the last part, and never longer than file systems allow."""
    name = re.sub(r"=[^,=]*/(?=[^,/]+)", "=", overrides)
    name = re.sub(r"[^\w.+=,@-]+", "_", name).strip("_")
    if len(name.encode()) <= longest:
        return name
    digest = hashlib.sha256(overrides.encode()).hexdigest()[:8]
    return name.encode()[: longest - 9].decode(errors="ignore") + "-" + digest


def plain(config: DictConfig) -> dict[str, Any]:
    """The config as dicts, lists and primitives, keys as texts, interpolations resolved and enums as their names."""
    # The keys that others refer to come first: those could not take what these may hold.
    _check_integers(OmegaConf.to_container(config, resolve=False), "")
    try:
        found = OmegaConf.to_container(config, resolve=True, throw_on_missing=True, enum_to_str=True)
    except OmegaConfBaseException as error:
        key = error.full_key or "the config"
        if "Missing mandatory value" in str(error):
            raise UserError(f"{key} has no value: give it on the command line as {key}=...") from error
        raise UserError(f"{key}: {str(error).splitlines()[0]}") from error
    return _with_texts_as_keys(found)


def _check_integers(value: Any, key: str) -> None:
    """Refuse those that neither a tensor nor a float can hold."""
    if isinstance(value, dict | list):
        for name, one in value.items() if isinstance(value, dict) else enumerate(value):
            _check_integers(one, f"{key}.{name}".lstrip("."))
    elif isinstance(value, int) and abs(value) > LARGEST:
        raise UserError(
            f"{key} is a number of {len(str(abs(value)))} digits, and no key takes one above {LARGEST:,}. If it is "
            f"meant as text, give it quotes of its own: '{key}=\"...\"'."
        )


def _with_texts_as_keys(value: Any) -> Any:
    """As JSON will have it: {1: 2} and {true: 2} are {"1": 2} and {"true": 2}."""
    if isinstance(value, dict):
        return {
            name if isinstance(name, str) else json.dumps(name): _with_texts_as_keys(one) for name, one in value.items()
        }
    return [_with_texts_as_keys(one) for one in value] if isinstance(value, list) else value
