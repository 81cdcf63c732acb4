"""Train, sweep and compare transformer encoders on labelled sequences.

from sweepformer import load

run = load("outputs/...")  # or a sweep's directory, or a checkpoint
run.predict(["a text"])
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweepformer.errors import UserError as UserError
    from sweepformer.inference.loading import load as load
    from sweepformer.inference.predictor import Predictor as Predictor

_ROOMS = {
    "load": "sweepformer.inference.loading",
    "Predictor": "sweepformer.inference.predictor",
    "UserError": "sweepformer.errors",
}
__all__ = ["Predictor", "UserError", "load"]


def __getattr__(name: str) -> Any:
    """Found when asked for: torch loads with them, and `--help` need not wait for it."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_ROOMS[name]), name)
