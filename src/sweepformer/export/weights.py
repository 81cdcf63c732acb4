"""A model as its weights and its code: torch alone makes it again."""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from torch import nn

CODE = "model_code"
OWN_MODELS = "sweepformer.models."


def write_weights(path: Path, model: nn.Module, prefix: str = "") -> None:
    """A safetensors file with the model's state in float32.

    prefix: what the names begin with.
    """
    from safetensors.torch import save_file

    state = {
        prefix + name: (value.float() if value.is_floating_point() else value).contiguous().clone()
        for name, value in model.state_dict().items()
    }
    save_file(state, path, metadata={"format": "pt"})


def write_code(folder: Path) -> None:
    """The modules that models are made of: they know torch alone, so that copies of them serve as they are."""
    folder.mkdir(exist_ok=True)
    for source in files("sweepformer.models").iterdir():
        if source.name.endswith(".py") and source.name != "__init__.py":
            copy_code(source, folder)


def copy_code(source: Traversable, folder: Path) -> None:
    """A module whose imports of models are of those beside it."""
    text = re.sub(rf"^from {re.escape(OWN_MODELS)}", "from .", source.read_text(encoding="utf-8"), flags=re.M)
    (folder / source.name).write_text(text, encoding="utf-8")


def is_own(model: nn.Module) -> bool:
    """Whether a model's code is sweepformer's."""
    return type(model).__module__.startswith(OWN_MODELS)
