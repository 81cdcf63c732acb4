"""Learning-rate schedules, a factor a step: warm-up first, then what the name says; and those that look at a metric.

`warmup` and `decay` count steps; below 1 they are a share of `total_steps`.
"""

import math
import sys
from collections.abc import Callable

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from sweepformer.errors import UserError


def steps_of(value: float, total_steps: int) -> int:
    """A number of steps, given as such or as a share below 1."""
    return round(value * total_steps) if value < 1 else round(value)


def _warmed_up(optimizer: Optimizer, warmup: int, factor: Callable[[int], float]) -> LambdaLR:
    # The first step already moves: with a rate of 0 it would be wasted.
    return LambdaLR(optimizer, lambda step: (step + 1) / (warmup + 1) if step < warmup else factor(step))


def constant(optimizer: Optimizer, total_steps: int, warmup: float) -> LambdaLR:
    """Warm-up, then the optimizer's own rate."""
    return _warmed_up(optimizer, steps_of(warmup, total_steps), lambda step: 1.0)


def linear(optimizer: Optimizer, total_steps: int, warmup: float, final_ratio: float) -> LambdaLR:
    """Warm-up, then a straight line to `final_ratio` of the rate."""
    decay = total_steps - steps_of(warmup, total_steps)  # there is no plateau
    return warmup_stable_decay(optimizer, total_steps, warmup, decay, final_ratio)


def cosine(optimizer: Optimizer, total_steps: int, warmup: float, final_ratio: float) -> LambdaLR:
    """Warm-up, then half a cosine to `final_ratio` of the rate (Loshchilov and Hutter 2017, no restarts)."""
    rise = steps_of(warmup, total_steps)

    def factor(step: int) -> float:
        half = (1 + math.cos(math.pi * _progress(step, rise, total_steps))) / 2
        return final_ratio + (1 - final_ratio) * half

    return _warmed_up(optimizer, rise, factor)


def warmup_stable_decay(
    optimizer: Optimizer, total_steps: int, warmup: float, decay: float, final_ratio: float
) -> LambdaLR:
    """Warm-up, a long plateau, then a straight fall over the last `decay` steps (Hu et al. 2024, MiniCPM)."""
    start = total_steps - steps_of(decay, total_steps)

    def factor(step: int) -> float:
        return 1 - (1 - final_ratio) * _progress(step, start, total_steps)

    return _warmed_up(optimizer, steps_of(warmup, total_steps), factor)


def _progress(step: int, start: int, end: int) -> float:
    """0 up to `start`, 1 from `end` on, even between."""
    return min(max((step - start) / max(end - start, 1), 0.0), 1.0)


NEVER = sys.maxsize  # as a schedule's `frequency`: it is not Lightning that moves it


class PlateauSteps(Callback):
    """Lets a schedule with a monitor look at each validation, whenever that comes.

    Lightning would ask it at the end of each epoch: of several validations in one it would miss all but the last, and
    where there was none it would be told the last one's result again, or fail for the lack of any.
    """

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking or trainer.state.fn is not TrainerFn.FITTING:
            return
        for one in trainer.lr_scheduler_configs:
            if not one.monitor or one.frequency != NEVER:
                continue
            if one.monitor not in trainer.callback_metrics:
                raise UserError(
                    f"scheduler.monitor={one.monitor}: there is no such metric after a validation. There are: "
                    f"{', '.join(sorted(trainer.callback_metrics))}."
                )
            pl_module.lr_scheduler_step(one.scheduler, trainer.callback_metrics[one.monitor])
