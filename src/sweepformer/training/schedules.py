"""Learning-rate schedules, a factor a step: warm-up first, then what the name says.

`warmup` and `decay` count steps; below 1 they are a share of `total_steps`.
"""

import math
from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


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
    rise = steps_of(warmup, total_steps)

    def factor(step: int) -> float:
        return 1 - (1 - final_ratio) * _progress(step, rise, total_steps)

    return _warmed_up(optimizer, rise, factor)


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
