"""Which numbers a key may hold."""

from collections.abc import Mapping
from typing import Any

from sweepformer.errors import UserError
from sweepformer.models.options import Option, Range, is_number

SHARE, BELOW_ONE, RATE = Range(0, 1), Range(0, 1, below=True), Range(0, 100, above=True)
COUNT, WEIGHT, MANY = Range(1, 1e9), Range(0, 100), Range(0, 1e12)

OPTIMIZER = {"lr": RATE, "weight_decay": WEIGHT, "layer_decay": Range(0, 1, above=True)}
SCHEDULER = {
    "pct_start": Range(0, 0.999),
    "final_ratio": SHARE,
    "decay": SHARE,
    "warmup": Range(0, 1e9),
    "div_factor": Range(0, 1e9, above=True),
    "final_div_factor": Range(0, 1e12, above=True),
}
TASK = {"label_smoothing": Range(0, 0.999), "focal_gamma": WEIGHT, "r_drop": WEIGHT, "mixup": WEIGHT}
MASKING = {"rate": Range(0, 1, above=True), "masked": SHARE, "random": SHARE}
TOKENIZER = {"vocab_size": Range(10, 10_000_000), "min_frequency": Range(1, 1_000_000)}
DATA = {
    "batch_size": Range(1, 1_000_000),
    "eval_batch_size": Range(1, 1_000_000),
    "val_fraction": Range(0, 1, above=True, below=True),
    "test_fraction": Range(0, 1, above=True, below=True),
    "num_workers": Range(0, 256),
    "window_overlap": BELOW_ONE,
}
# Of these null means that nothing is said.
DATA_IF_GIVEN = {"max_rows": Range(1, 1e12)}
TRAINER_IF_GIVEN = {
    "max_epochs": Range(-1, 1e12),
    "max_steps": Range(-1, 1e12),
    "accumulate_grad_batches": COUNT,
    "log_every_n_steps": COUNT,
    "check_val_every_n_epoch": COUNT,
    "gradient_clip_val": Range(0, 1e9),
    "limit_train_batches": MANY,
    "limit_val_batches": MANY,
    "limit_test_batches": MANY,
    "overfit_batches": MANY,
}


def check_ranges(group: str, values: Mapping[str, Any], ranges: Mapping[str, Range], if_given: bool = False) -> None:
    """Look at the numbers of a group of the config. if_given: null is as good as no value.

    Raises:
        UserError: naming the key, what was given and what is allowed.
    """
    for key, allowed in ranges.items():
        if key in values and not (if_given and values[key] is None):
            check_range(f"{group}.{key}", values[key], allowed)


def check_range(key: str, value: Any, allowed: Range) -> None:
    """As `check_ranges`, of a single value."""
    if value in allowed:
        return
    if not is_number(value):
        raise UserError(f"{key}={value!r} must be a number, {allowed}.")
    raise UserError(f"{key}={value} is out of range: it must be {allowed}.")


def check_options(group: str, values: Mapping[str, Any], declared: Mapping[str, Option]) -> None:
    """Look at the numbers and the choices of a group whose options are declared; raises as `check_ranges`."""
    for key, one in declared.items():
        if key not in values or (values[key] is None and (one.null or one.admits_none)):
            continue
        if one.range is not None:
            check_range(f"{group}.{key}", values[key], one.range)
        if one.choices and values[key] not in one.choices:
            raise UserError(f"{group}.{key}={values[key]!r} is not one of {', '.join(one.choices)}.")
