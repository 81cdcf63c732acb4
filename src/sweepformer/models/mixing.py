"""Rows of a batch mixed with each other."""

from typing import NamedTuple

import torch
from torch import Tensor


class Mixing(NamedTuple):
    """Says how much of each row stays, and which other row makes up the rest (Zhang et al. 2018, mixup).

    shares: (rows, 1) float, from 0 to 1; partners: (rows,) int64.
    """

    shares: Tensor
    partners: Tensor

    @classmethod
    def drawn(cls, rows: int, alpha: float, device: torch.device) -> "Mixing":
        """Partners by chance and shares from Beta(alpha, alpha): small alphas leave most rows nearly as they are."""
        # Drawn on the CPU, and in 32 bits whatever a model is made in: the same everywhere.
        # Smaller alphas would be 0 in 32 bits, and what they mix can't be seen.
        both = torch.tensor(max(alpha, 1e-3), dtype=torch.float32)
        shares = torch.distributions.Beta(both, both).sample((rows, 1))
        return cls(shares.to(device), torch.randperm(rows).to(device))

    def of(self, x: Tensor) -> Tensor:
        """(rows, width) float to the same, mixed."""
        shares = self.shares.to(x.dtype)
        return shares * x + (1 - shares) * x[self.partners]
