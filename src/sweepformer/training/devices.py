"""What a device computes in, and what it compiles."""

import os
import shutil

import torch
from torch import nn

from sweepformer.errors import UserError


def resolve_accelerator(requested: str) -> str:
    """What `auto` stands for on this machine: cuda, mps or cpu."""
    if requested not in ("auto", "gpu"):
        return requested
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu" if requested == "auto" else "gpu"


def effective_precision(requested: str, accelerator: str) -> str:
    """The precision that training runs in. CPUs have no fast float16, but many have bfloat16."""
    if accelerator == "cpu" and str(requested).startswith("16"):
        return {"16-true": "bf16-true"}.get(str(requested), "bf16-mixed")
    return str(requested)


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
