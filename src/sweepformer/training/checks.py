"""What is looked at before any data is read: rules, targets, and whether the model can do the task."""

from typing import Any

from sweepformer.config.build import check_keys, find_target
from sweepformer.config.rules import check as check_rules
from sweepformer.errors import UserError
from sweepformer.runs.request import Request
from sweepformer.training.baseline_run import is_baseline
from sweepformer.training.building import OURS


def check(request: Request) -> None:
    """Refuse what can be seen to be wrong from the config alone.

    Raises:
        UserError: naming the key, what was given and what is allowed.
    """
    config = request.config
    check_rules(config)
    trainer = {key: value for key, value in config["trainer"].items() if key not in OURS}
    for key, options in {"trainer": trainer, **_parts(config)}.items():
        check_keys(key, options)
    if not is_baseline(config["model"]):
        _check_can_do(request)


def _parts(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Callbacks and loggers with their full keys."""
    parts = {
        f"{group}.{name}": options
        for group in ("callbacks", "logger")
        for name, options in (config.get(group) or {}).items()
        if options is not None
    }
    # A folder that is left open becomes the run's.
    return {key: {**one, "save_dir": "."} if one.get("save_dir", "") is None else one for key, one in parts.items()}


def _check_can_do(request: Request) -> None:
    """Models that don't say what they can answer for are tried."""
    target, predicts = find_target("model", request.config["model"]), request.kind.predicts
    if predicts not in getattr(target, "predicts", (predicts,)):
        raise UserError(
            f"model: {target.__name__} can't do this task: it has one answer a row, and the task asks for tokens. "
            "Choose a transformer, such as model=small."
        )
