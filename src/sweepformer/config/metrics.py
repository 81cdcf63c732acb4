"""The metrics of a run: which are telling, whether a large one is good, and which run is the best by one."""

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from sweepformer.errors import UserError

T = TypeVar("T")

# The most telling first; the loss stands for all others.
ORDER = ("acc", "f1", "f1_micro", "spearman", "pearson", "mae", "perplexity")
SPLITS = ("train", "val", "test")
LARGE_IS_GOOD = frozenset({"acc", "f1", "f1_micro", "spearman", "pearson"})
SMALL_IS_GOOD = frozenset({"loss", "mae", "perplexity", "ece", "ece_raw"})
# What a run's summary says besides, and what can be told to be good of it: `epochs` or `tokens` are not.
OF_THE_SUMMARY = dict.fromkeys(("tokens_per_second", "mfu"), "max") | dict.fromkeys(
    ("parameters", "padding_share", "peak_memory_bytes", "skipped_steps", "fp16_overflows", "loss_spikes"), "min"
)
# These ask for a mode, and without one would take "min" whatever they monitor.
TAKE_A_MODE = ("EarlyStopping", "ModelCheckpoint", "Checkpoints", "SuccessiveHalving", "ReduceLROnPlateau")


def telling(split: str, found: Iterable[str]) -> list[str]:
    """Those of `found` that say how good a run is on a split, such as `val_acc` and `val_f1`; not the loss."""
    names = set(found)
    return [f"{split}_{name}" for name in ORDER if f"{split}_{name}" in names]


def direction(metric: str) -> str | None:
    """Whether a large value of a metric is good ("max") or a small one ("min"); None of one that is not known."""
    split, _, name = metric.partition("_")
    if split in SPLITS and name in LARGE_IS_GOOD | SMALL_IS_GOOD:
        return "max" if name in LARGE_IS_GOOD else "min"
    return "min" if metric.startswith("seconds.") else OF_THE_SUMMARY.get(metric)


def direction_by(metric: str, *tasks: dict[str, Any]) -> str | None:
    """`direction`, and of a metric of the user's own what the config of a task says that goes by it."""
    said = (one.get("mode") for one in tasks if one.get("monitor") == metric)
    return direction(metric) or next((mode for mode in said if mode in ("max", "min")), None)


def recorded_direction(metric: str, *tasks: dict[str, Any]) -> str:
    """`direction_by` for what runs have recorded, where an unknown metric is no reason to refuse them."""
    return direction_by(metric, *tasks) or ("min" if metric.endswith("loss") else "max")


def check_mode(
    key: str, metric: str, mode_key: str, mode: Any, task: dict[str, Any], names: tuple[str, str] = ("max", "min")
) -> str:
    """The mode by which a metric is to be looked at, one of `names`.

    Args:
        key: what names the metric, such as `task.monitor`; mode_key: what gives the `mode`, None for the metric's own.
        task: config of the task, which says the mode of a metric of its own.
        names: what is said there of metrics of which a large value is good, and of the others.

    Raises:
        UserError: the mode contradicts what is known of the metric, or nothing is known and none was given.
    """
    large, small = names
    known = {"max": large, "min": small}.get(direction_by(metric, task) or "")
    if mode not in (*names, None):
        raise UserError(f"{mode_key}={mode}: it must be {large} or {small}; null: as the metric has it.")
    if mode is None and known is None:
        raise UserError(
            f"{key}={metric}: it is not known whether a large value of it is good. Give {mode_key}={large} (large is "
            f"good) or {mode_key}={small} (small is good)."
        )
    if mode and known and mode != known:
        raise UserError(
            f"{mode_key}={mode} contradicts {key}={metric}, of which a {'large' if known == large else 'small'} value "
            f"is good. Give {mode_key}={known}, or null, which is that by itself."
        )
    return str(mode or known)


def with_modes(config: dict[str, Any]) -> dict[str, Any]:
    """A plain config in which each `mode: null` beside a `monitor` is the metric's own, "max" or "min".

    What is not known or contradicts the metric stays as it is: `rules.check` refuses it.
    """
    found = dict(config)
    task = found["task"] = _with_mode(config.get("task"), config.get("task"))
    found["scheduler"] = _with_mode(config.get("scheduler"), task)
    if isinstance(callbacks := config.get("callbacks"), dict):
        found["callbacks"] = {name: _with_mode(one, task) for name, one in callbacks.items()}
    if isinstance(pretrain := config.get("pretrain"), dict):
        found["pretrain"] = with_modes(pretrain)
    return {key: value for key, value in found.items() if key in config}


def _with_mode(part: Any, task: Any) -> Any:
    """A part of a config, its mode filled in if it has a monitor and none was given."""
    if not isinstance(part, dict) or "monitor" not in part or part.get("mode") is not None:
        return part
    if "mode" not in part and str(part.get("_target_")).rpartition(".")[2] not in TAKE_A_MODE:
        return part
    task = task if isinstance(task, dict) else {}
    # Without a monitor the mode means nothing, and yet Lightning wants one.
    monitor = task.get("monitor") if part["monitor"] is None else part["monitor"]
    return {**part, "mode": direction_by(str(monitor), task)}


def best_first(items: Iterable[T], value: Callable[[T], float], mode: str) -> list[T]:
    """The one ranking of runs and checkpoints: the best by `value` first, of equals the first, those with NaN last."""
    sign = -1 if mode == "max" else 1
    return sorted(items, key=lambda one: (math.isnan(value(one)), sign * value(one)))
