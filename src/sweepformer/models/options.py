"""How options are declared, once, with all that others must know of them: help, range, choices, what null means.

Constructors take their arguments from such declarations (`takes`), configs their schema, their checks and their help.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, field, fields
from types import NoneType
from typing import Any, TypeVar, get_args

Model = TypeVar("Model")


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, these among them unless `above` or `below`."""

    low: float
    high: float
    above: bool = False
    below: bool = False

    def __contains__(self, value: Any) -> bool:
        if not is_number(value) or not self.low <= value <= self.high:
            return False
        return not ((self.above and value == self.low) or (self.below and value == self.high))

    def __str__(self) -> str:
        lower = f"above {self.low}" if self.above else f"at least {self.low}"
        return f"{lower} and {'below' if self.below else 'at most'} {self.high:,}"


@dataclass(frozen=True)
class Option:
    """One declared option: what it may hold, and a line of help.

    null: what null means in a config that may have it; empty: none may. given: the program says what it is, and no
    config.
    """

    type: Any
    help: str
    range: Range | None = None
    choices: tuple[str, ...] = ()
    null: str = ""
    given: bool = False

    @property
    def comment(self) -> str:
        """All that a line of a YAML says of it."""
        return f"{self.in_words} (null: {self.null})" if self.null else self.in_words

    @property
    def in_words(self) -> str:
        """What it is, and the choices."""
        return f"{self.help}: {', '.join(self.choices)}" if self.choices else self.help

    @property
    def admits_none(self) -> bool:
        """Whether it may be None, to the model that is made."""
        return NoneType in get_args(self.type)


def option(default: Any, help: str, range: Range | None = None, choices: tuple[str, ...] = (), null: str = "") -> Any:
    """A dataclass's field that a config may set; the rest as in `Option`."""
    return field(default=default, metadata={"help": help, "range": range, "choices": choices, "null": null})


def given(help: str, default: Any = MISSING, choices: tuple[str, ...] = ()) -> Any:
    """A dataclass's field that the program knows, from the data or the task."""
    return field(default=default, metadata={"help": help, "choices": choices, "given": True})


def declarations(shape: type) -> dict[str, Option]:
    """All that a dataclass declares, by name."""
    return {one.name: Option(one.type, **one.metadata) for one in fields(shape)}


def options(shape: type) -> dict[str, Option]:
    """What of it configs may set."""
    return {name: one for name, one in declarations(shape).items() if not one.given}


def check_values(values: Any) -> None:
    """Look at the values of a declared dataclass.

    Raises:
        ValueError: naming the option that is out of range or none of the choices, and what is allowed.
    """
    for name, one in declarations(type(values)).items():
        value = getattr(values, name)
        if value is None and one.admits_none:
            continue
        if one.choices:
            check_choice(name, value, one.choices)
        if one.range is not None and value not in one.range:
            raise ValueError(f"{name}={value} must be {one.range}")


def check_choice(what: str, given: str, allowed: Iterable[str]) -> None:
    """Raises a ValueError that names the allowed values, unless `given` is one of them."""
    allowed = list(allowed)
    if given not in allowed:
        raise ValueError(f"{what}={given!r} is not one of {', '.join(allowed)}")


def is_number(value: Any) -> bool:
    """Whether it is an int or a float: to Python, true and false are ints too."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def takes(shape: type) -> Callable[[type[Model]], type[Model]]:
    """For a class whose constructor makes a `shape` of its keyword arguments: its signature and help are the shape's.

    So configs, whose keys are looked up in the signature, and `help()` see each option.
    """

    def described(model: type[Model]) -> type[Model]:
        construct: Any = model.__init__
        arguments = inspect.signature(shape).parameters.values()
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        construct.__signature__ = inspect.Signature([own, *arguments])
        construct.__annotations__ = {one.name: one.annotation for one in arguments}
        helps = {name: one.comment if one.admits_none else one.in_words for name, one in declarations(shape).items()}
        lines = [f"    {name}: {help}." for name, help in helps.items()]
        model.__doc__ = "\n".join([inspect.getdoc(model) or "", "", "Args:", *lines])
        return model

    return described
