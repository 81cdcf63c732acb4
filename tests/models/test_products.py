"""Products of 32-bit matrices stay 32-bit, whichever library computes them."""

import torch

from sweepformer.models.attention import use_fast_float32


def test_fast_float32_is_float32() -> None:
    use_fast_float32()
    random = torch.Generator().manual_seed(1)
    a, b = (torch.randn(512, 512, generator=random) for _ in range(2))
    assert ((a @ b) - (a.double() @ b.double())).abs().max() < 1e-3
