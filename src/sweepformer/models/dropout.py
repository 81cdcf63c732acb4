"""Dropout (Srivastava et al. 2014) whose random numbers don't cost more than the layers around it."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Dropout(nn.Module):
    """Sets each element to zero with probability p while training, and scales the others by 1 / (1 - p).

    On a CPU torch draws a double for each element, which takes a fifth of the time of training. Here 16 bits
    decide, so that p holds to within 1/65536. They come from a generator that torch's own seeds at each call:
    `torch.manual_seed` and saved random states decide them as they do everywhere.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout={p} must be between 0 and 1")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Any shape and float dtype to the same."""
        return drop(x, self.p) if self.training and self.p else x

    def extra_repr(self) -> str:
        return f"p={self.p}"


def drop(x: Tensor, p: float) -> Tensor:
    """As `Dropout` does while training."""
    if x.device.type != "cpu" or p == 1 or torch.compiler.is_compiling():
        return F.dropout(x, p)
    seed = int(torch.randint(2**63 - 1, ()))
    bits = np.random.SFC64(seed).random_raw(-(-x.numel() // 4)).view(np.int16)[: x.numel()]
    factors = torch.empty(x.shape, dtype=x.dtype)  # of each element, 0 with probability p, else 1 / (1 - p)
    drop_below = min(round(p * 65536), 65535) - 32768
    torch.ge(torch.from_numpy(bits).view(x.shape), drop_below, out=factors)
    return x * factors.mul_(1 / (1 - p))
