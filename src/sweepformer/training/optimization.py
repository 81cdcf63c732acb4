"""Optimizer and schedule of a model, from their configs."""

from typing import Any

from torch import nn
from torch.optim import Optimizer

from sweepformer.build import build
from sweepformer.errors import UserError
from sweepformer.training.parameter_groups import muon_groups, parameter_groups
from sweepformer.training.schedules import steps_of


def build_optimizer(config: dict[str, Any], model: nn.Module) -> Optimizer:
    """The optimizer that `config` describes, over the groups of `model`'s parameters."""
    if config["_target_"].rsplit(".", 1)[-1] == "Muon" and "adamw_lr" in config:
        options = {key: value for key, value in config.items() if key != "_target_"}
        return build("optimizer", {"_target_": config["_target_"]}, params=muon_groups(model, **options))
    options = {key: value for key, value in config.items() if key != "layer_decay"}
    layer_decay = config.get("layer_decay", 1.0)
    groups = parameter_groups(model, config.get("weight_decay", 0.0), config.get("lr"), layer_decay)
    return build("optimizer", options, params=groups)


def build_schedule(config: dict[str, Any], optimizer: Optimizer, total_steps: int) -> dict[str, Any]:
    """What Lightning's `configure_optimizers` returns beside the optimizer.

    A schedule moves every step; one with a `monitor` looks at that metric after each validation instead.
    """
    for key in ("warmup", "decay"):
        if key in config and steps_of(config[key], total_steps) > total_steps:
            raise UserError(
                f"scheduler.{key}={config[key]:g} is longer than training itself, which has {total_steps} steps. "
                "Give fewer steps, or a share of training below 1."
            )
    monitor = config.get("monitor")
    options = {key: value for key, value in config.items() if key != "monitor"}
    if options.get("pct_start", 0) * total_steps == 1:
        options["pct_start"] *= 1.001  # OneCycleLR would divide by the no steps that it has to rise in
    if "max_lr" in options:
        # One peak for all groups would undo that groups have rates of their own.
        first = optimizer.param_groups[0]["lr"]
        options["max_lr"] = [options["max_lr"] * group["lr"] / first for group in optimizer.param_groups]
    schedule = build("scheduler", options, optimizer=optimizer, total_steps=total_steps)
    if monitor:
        return {"scheduler": schedule, "interval": "epoch", "monitor": monitor}
    return {"scheduler": schedule, "interval": "step"}
