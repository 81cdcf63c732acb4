"""What a study varies: Hydra's sweep overrides as Optuna's distributions, and what stays the same in all trials."""

import copy
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from sweepformer.errors import UserError
from sweepformer.sweeps.sweep import Sweep

Space = dict[str, BaseDistribution]


def distribution(override: Override) -> BaseDistribution:
    """Where Optuna draws a key's values from, in Hydra's grammar; a UserError if there is nothing to draw.

    `a,b` and choice(): one of these; range(start, stop, step): whole numbers or steps, stop excluded as in
    Hydra; interval(low, high): any number between; int(interval()): any whole number; tag(log, ...): by orders of
    magnitude.
    """
    value = override.value()
    tags: set[str] = getattr(value, "tags", set())
    try:
        if isinstance(value, IntervalSweep):
            low, high = value.start, value.end
            if isinstance(low, int) and isinstance(high, int) and override.input_line and "int(" in override.input_line:
                return IntDistribution(low, high, log="log" in tags)
            return FloatDistribution(float(low), float(high), log="log" in tags)  # type: ignore[arg-type]
        if isinstance(value, RangeSweep):
            numbers = list(value.range())
            if not numbers:
                raise ValueError("there is no value in it")
            if all(isinstance(number, int) for number in numbers):
                return IntDistribution(numbers[0], numbers[-1], step=int(value.step), log="log" in tags)
            return FloatDistribution(numbers[0], numbers[-1], step=float(value.step))
        choices = list(dict.fromkeys(override.sweep_string_iterator()))
        if not choices:
            raise ValueError("there is no value in it")
        return CategoricalDistribution(choices)
    except (ValueError, TypeError) as error:
        raise UserError(f"{override.input_line} can't be drawn from: {error}.") from error


def describe(one: BaseDistribution | None) -> str:
    """A distribution in words."""
    if isinstance(one, CategoricalDistribution):
        return f"one of {', '.join(map(str, one.choices))}"
    if isinstance(one, IntDistribution | FloatDistribution):
        step = f" by {one.step}" if one.step and one.step != 1 else ""
        kind = "whole numbers " if isinstance(one, IntDistribution) else ""
        return f"{kind}{one.low:g} to {one.high:g}{step}{', log' if one.log else ''}"
    return "nothing (not varied)"


def shared_config(sweep: Sweep, params: dict[str, Any], fixed: Sequence[str], space: Space) -> dict[str, Any]:
    """The plain config without what differs between trials.

    params: what the sweeper's preset or experiment varies.

    A config is composed for each value that can be named beforehand: a wrong one costs no trial.
    """
    if not space:
        raise UserError(
            "hydra/sweeper=optuna has nothing to vary. Give keys choice(...), range(...) or interval(...), such as "
            "'optimizer.lr=tag(log, interval(1e-4, 1e-2))'."
        )
    values = {key: _values(one) for key, one in space.items()}
    for key in space:
        for value in values[key]:
            if (its_own := sweep.composition.of([*fixed, f"{key}={value}"]).params) != params:
                raise UserError(
                    f"{key}={value} is a sweep itself, of {', '.join(its_own)}: a study of Optuna's takes one such "
                    "experiment, not a choice."
                )
    config = sweep.composition.of([*fixed, *(f"{key}={one[0]}" for key, one in values.items())]).config
    sweep.composition.conclude()
    return _without(config, ["name", *space])


def refuse_other_space(there: Space, now: Space) -> None:
    """Raise a UserError if what was drawn before came from another space: Optuna could not learn from it."""
    changed = [
        f"{key} was drawn from {describe(there.get(key))}, now it would be from {describe(now.get(key))}"
        for key in there | now
        if there.get(key) != now.get(key)
    ]
    if changed:
        raise UserError(
            "what this study varies is settled:\n  "
            + "\n  ".join(changed)
            + "\nGive another name=... for another space."
        )


def _values(one: BaseDistribution) -> Sequence[Any]:
    return one.choices if isinstance(one, CategoricalDistribution) else [getattr(one, "low", None)]


def _without(config: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    config = copy.deepcopy(config)
    for key in keys:
        *parents, last = key.lstrip("+~").partition("@")[0].split(".")
        node: Any = config
        for parent in parents:
            node = node.get(parent) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node.pop(last, None)
    return config
