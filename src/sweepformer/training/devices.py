"""What a device computes in, and what it compiles."""

import os
import shutil
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sweepformer.config.choices import Choice
from sweepformer.errors import UserError

ALIASES = {"16": "16-mixed", "bf16": "bf16-mixed", "32": "32-true", "64": "64-true"}


@dataclass(frozen=True)
class Device:
    """What a run trains on: cuda, mps or cpu; the precision it computes in; what this changes about the config."""

    accelerator: str
    precision: str
    choices: tuple[Choice, ...] = ()


def choose_device(trainer: dict[str, Any]) -> Device:
    """What the options of a trainer come to on this machine.

    Raises:
        UserError: there is no such device here, or it can't do what the options ask for.
    """
    accelerator = _resolved(trainer.get("accelerator", "auto"))
    if accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise UserError(
            f"trainer.accelerator={trainer['accelerator']}: no GPU was found on this machine. "
            "Use trainer=default (whatever is there) or trainer=cpu."
        )
    strategy = str(trainer.get("strategy", "auto"))
    if "fsdp" in strategy and accelerator != "cuda":
        raise UserError(
            f"trainer.strategy={strategy}: FSDP needs GPUs, and this run is on {accelerator}. "
            "Use trainer=default, or trainer=ddp with trainer.strategy=ddp_fork for several CPU processes."
        )
    asked = str(trainer.get("precision", "32-true"))
    precision, why = ALIASES.get(asked, asked), "its full name"
    if accelerator == "cpu":
        why = f"in place of {asked}, as a CPU has no fast float16"
        if precision.startswith("16"):  # many have bfloat16
            precision = precision.replace("16", "bf16")
    choices = [Choice("trainer.precision", precision, why)] if precision != asked else []
    return Device(accelerator, precision, tuple(choices))


def _resolved(requested: str) -> str:
    """What `auto` stands for on this machine: cuda, mps or cpu."""
    if requested not in ("auto", "gpu"):
        return requested
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu" if requested == "auto" else "gpu"


def compile_in_place(model: nn.Module, device: torch.device) -> None:
    """Compile a model's forward pass for batches of any shape.

    In place: its parameters keep their names, so that checkpoints load with and without it. The first batches
    wait for the compiler, 10 to 60 seconds.

    Raises:
        UserError: a CPU's code needs a C++ compiler, and there is none.
    """
    if device.type == "cpu" and not any(map(shutil.which, (os.environ.get("CXX", "g++"), "c++", "clang++"))):
        raise UserError(
            "trainer.compile=true needs a C++ compiler on a CPU, and there is none: install g++, or leave it out."
        )
    model.compile(dynamic=True)
