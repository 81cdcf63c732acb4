"""torch.compile, where it is asked for."""

import os
import shutil

import torch
from torch import nn

from sweepformer.errors import UserError


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
