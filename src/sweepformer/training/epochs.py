"""How long training is: batches of an epoch, and steps in all, from the trainer's options alone.

Lightning's own estimate would build the loaders.
"""

import sys
from typing import Any

USUAL_EPOCHS = 1000  # of Lightning, where nothing limits training


def batches_used(trainer: dict[str, Any], batches: int) -> int:
    """How many of an epoch's batches are trained on.

    trainer: the config's options; a whole number limits batches, a fraction is a share of them, as in Lightning.
    """
    limit = (
        trainer.get("overfit_batches") or int(trainer.get("fast_dev_run") or 0) or trainer.get("limit_train_batches")
    )
    if limit is None:
        return batches
    if isinstance(limit, float):
        return max(int(batches * limit), 1) if limit < 1 else batches
    return min(batches, limit)


def has_short_epochs(trainer: dict[str, Any]) -> bool:
    """Whether they end before all rows are read."""
    return batches_used(trainer, sys.maxsize) < sys.maxsize


def total_steps(trainer: dict[str, Any], batches: int) -> int:
    """Optimizer steps of the whole training. batches: of an epoch, of one process."""
    steps_an_epoch = max(-(-batches_used(trainer, batches) // (trainer.get("accumulate_grad_batches") or 1)), 1)
    debug = trainer.get("fast_dev_run")
    epochs, most = (1, int(debug)) if debug else (trainer.get("max_epochs"), trainer.get("max_steps"))
    limits = [limit for limit in (steps_an_epoch * (epochs or -1), most) if limit is not None and limit > 0]
    return min(limits) if limits else steps_an_epoch * USUAL_EPOCHS
