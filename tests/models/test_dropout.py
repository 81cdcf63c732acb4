"""Dropout drops the share it should, and what it drops is decided by torch's seed."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sweepformer.models.dropout import Dropout


@given(p=st.floats(0.0, 0.95), dtype=st.sampled_from([torch.float32, torch.bfloat16]))
def test_drops_its_share_and_keeps_the_mean(p: float, dtype: torch.dtype) -> None:
    out = Dropout(p)(torch.ones(100, 1001, dtype=dtype))
    assert out.dtype is dtype
    assert (out == 0).float().mean().item() == pytest.approx(p, abs=0.01)
    assert out.float().mean().item() == pytest.approx(1, abs=0.05)


def test_all_but_nothing_is_dropped_where_p_is_nearly_one() -> None:
    assert (Dropout(0.999995)(torch.ones(10_000)) == 0).float().mean() > 0.99


def test_gradients_pass_where_values_do() -> None:
    x = torch.ones(1000, requires_grad=True)
    out = Dropout(0.5)(x)
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())


def test_the_seed_decides() -> None:
    def draw(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return Dropout(0.5)(torch.ones(1000))

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))
    torch.manual_seed(1)
    layer = Dropout(0.5)
    first, second = layer(torch.ones(1000)), layer(torch.ones(1000))
    assert not torch.equal(first, second), "each call draws anew"


def test_evaluation_and_p_of_one() -> None:
    x = torch.ones(10)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(1.0)(x), torch.zeros(10))
    with pytest.raises(ValueError, match="between 0 and 1"):
        Dropout(1.5)
