"""The one place that turns config into objects, once its values are of the kinds that signatures ask for."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from sweepformer.config.targets import TRAINED, Names, find_allowed, trusted_packages
from sweepformer.errors import UserError, hint

LISTS = (list, tuple, set, Sequence, Iterable)
IN_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    NoneType: "null",
}
IN_WORDS |= {dict: "a mapping", Mapping: "a mapping", Callable: "{_target_: package.module.function, _partial_: true}"}
IN_WORDS |= dict.fromkeys(LISTS, "a list")


def build(key: str, config: dict[str, Any], names: Names = TRAINED, /, **arguments: Any) -> Any:
    """Call the `_target_` that a plain config names with the config's other keys and `arguments`.

    What among those keys has a `_target_` of its own is made first. `_args_`, `_partial_` and `_recursive_` mean what
    they do in Hydra.

    Args:
        key: where the config stands (`optimizer`, `callbacks.checkpoint`), for messages.
        names: what may be named beside what is in the packages that the user trusts.
        arguments: what only the program knows, such as the vocabulary's size. Those that the target has no
            parameter for are left out, so that a target asks for what it needs by naming it.

    Raises:
        UserError: no such target, one that configs may not name, a key that its signature doesn't have, or a value of
            another kind than it asks for.
    """
    target, given, known = check_keys(key, config, names)
    if known is not None:
        arguments = {name: value for name, value in arguments.items() if name in known}
    positional = config.get("_args_", [])
    if config.get("_recursive_", True):
        given, positional = _made(key, given, names), _made(f"{key}._args_", positional, names)
    make = partial(target, *positional, **given)
    if config.get("_partial_"):
        return make
    try:
        return make(**arguments)
    except Exception as error:
        # Lightning's error is told by its name: loading a run must not import Lightning.
        if not isinstance(error, ValueError | TypeError) and type(error).__name__ != "MisconfigurationException":
            raise
        reason = str(error).partition("\n")[0]
        raise UserError(f"{key}: {config['_target_']} can't be made with these values: {reason}") from error


def check_keys(
    key: str, config: dict[str, Any], names: Names = TRAINED
) -> tuple[Any, dict[str, Any], list[str] | None]:
    """Look whether what a config names can be called with its keys, without calling it; raises as `build`.

    Returns the target, the keys that it would be called with, and the names that it has parameters for (None: for any).
    """
    target = find_target(key, config, names)
    known = parameters(target)
    given = {name: value for name, value in config.items() if not name.startswith("_")}
    for name in given if known is not None else ():
        if name not in (known or ()):
            raise UserError(
                f"{key}.{name}: {config['_target_']} has no parameter {name}.{hint(name, known or (), f'{key}.')} "
                f"It takes: {', '.join(known or ())}."
            )
    annotations = annotations_of(target)
    usual = inspect.signature(target).parameters if annotations else {}
    for name, value in given.items():
        is_usual = name in usual and usual[name].default is value
        if name in annotations and not is_usual and not fits(value, annotations[name]):
            raise UserError(f"{key}.{name}={value!r} must be {in_words(annotations[name])}.")
    return target, given, known


def find_target(key: str, config: Any, names: Names = TRAINED) -> Any:
    """The class or function that `config` names; a UserError if it names none, or one that configs may not name."""
    if not isinstance(config, dict):
        raise UserError(
            f"{key}={config!r}: a part is named by its _target_, as package.module.Name; null leaves it out."
        )
    name = config.get("_target_")
    if not name:
        raise UserError(f"{key}._target_ is missing: name the class or function to call, as package.module.Name.")
    return find_allowed(key, str(name), trusted_packages(), names)


def parameters(target: Any) -> list[str] | None:
    """Names that `target` can be called with; None if it takes any, or doesn't say."""
    try:
        signature = inspect.signature(target)
    except ValueError:  # some that are written in C
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values()):
        return None
    return list(signature.parameters)


def _made(key: str, value: Any, names: Names) -> Any:
    """A part of a config in which whatever has a `_target_` is built.

    Not by Hydra, which would read strings as interpolations once more, and find targets in them that nobody checked.
    """
    if isinstance(value, list):
        return [_made(f"{key}.{number}", one, names) for number, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if "_target_" in value:
        return build(key, value, names)
    return {name: _made(f"{key}.{name}", one, names) for name, one in value.items()}


def annotations_of(target: Callable[..., Any]) -> dict[str, Any]:
    """The types that a class or function asks for, by parameter; those that can't be told are left out."""
    try:
        return get_type_hints(target.__init__ if inspect.isclass(target) else target)
    except Exception:  # names that exist while types are checked only, and whatever else stands in other people's code
        return {}


def fits(value: Any, annotation: Any) -> bool:
    """Whether a plain value is what an annotation asks for; where that can't be told it says yes.

    A number without a fraction is a whole one. A mapping may become any object, by its `_target_`; of texts and lists
    objects may be made.
    """
    kind, inside = get_origin(annotation) or annotation, get_args(annotation)
    if kind in (Union, UnionType):
        return any(fits(value, one) for one in inside)
    if isinstance(value, dict) and "_target_" in value:
        return True
    if kind is Literal:
        return value in inside
    if kind in (int, float):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and (kind is float or isinstance(value, int) or value.is_integer())
    if kind in LISTS:
        return isinstance(value, list) and all(fits(one, inside[0]) for one in value if len(inside) == 1)
    if kind is Callable:
        return False  # a plain value is none
    if kind in (dict, Mapping):
        return isinstance(value, dict)
    if kind in (bool, str, NoneType) or (inspect.isclass(kind) and not isinstance(value, str | list | dict)):
        return _is(value, kind)
    return True


def in_words(annotation: Any) -> str:
    """What an annotation asks for, as users say it."""
    kind, inside = get_origin(annotation) or annotation, get_args(annotation)
    if kind in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(in_words, inside)))
    if kind is Literal:
        return " or ".join(map(str, inside))
    return IN_WORDS.get(kind, getattr(kind, "__name__", str(kind)))


def _is(value: Any, kind: type) -> bool:
    try:
        return isinstance(value, kind)
    except TypeError:  # a protocol that can't be told
        return True
