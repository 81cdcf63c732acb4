"""Whether plain values are of the kinds that a signature's annotations ask for."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

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
