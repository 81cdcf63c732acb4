"""Pooling: the plain computation over each row's tokens."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sweepformer.models.transformer import Pooling


def make(kind: str) -> Pooling:
    pooling = Pooling(kind, 4)
    if pooling.score is not None:
        torch.nn.init.normal_(pooling.score)
    return pooling


def plainly(pooling: Pooling, tokens: Tensor) -> Tensor:
    """(tokens, width) to (width,), with no padding in sight."""
    if pooling.kind == "cls":
        return tokens[0]
    if pooling.kind == "max":
        return tokens.max(dim=0).values
    if pooling.kind == "mean":
        return tokens.mean(dim=0)
    return (tokens @ pooling.score).softmax(dim=0) @ tokens


@given(st.sampled_from(["mean", "max", "cls", "attention"]), st.lists(st.integers(1, 6), min_size=1, max_size=4))
@settings(max_examples=60)
def test_padding_does_not_count(kind: str, lengths: list[int]) -> None:
    torch.manual_seed(sum(lengths))
    pooling = make(kind)
    hidden = torch.randn(len(lengths), 6, 4) - 3
    padding = torch.arange(6) >= torch.tensor(lengths)[:, None]
    # Zeros would win over negative tokens, and large numbers over any.
    hidden[padding] = torch.tensor([0.0, 50.0, -50.0, 0.0])
    expected = torch.stack([plainly(pooling, row[:n]) for row, n in zip(hidden, lengths, strict=True)])
    torch.testing.assert_close(pooling(hidden, padding), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["mean", "max", "cls", "attention"])
def test_no_mask_is_no_padding(kind: str) -> None:
    pooling, hidden = make(kind), torch.randn(3, 5, 4)
    expected = torch.stack([plainly(pooling, row) for row in hidden])
    torch.testing.assert_close(pooling(hidden), expected, atol=1e-5, rtol=1e-5)


def test_attention_starts_as_the_mean() -> None:
    hidden = torch.randn(3, 5, 4)
    torch.testing.assert_close(Pooling("attention", 4)(hidden), hidden.mean(dim=1))


@pytest.mark.parametrize("kind", ["mean", "max", "attention"])
def test_a_row_of_padding_gives_zeros(kind: str) -> None:
    hidden = torch.randn(2, 5, 4, requires_grad=True)
    pooled = make(kind)(hidden, torch.tensor([[True] * 5, [False] * 5]))
    pooled.sum().backward()
    assert not pooled[0].any()
    assert pooled[1].all()
    assert hidden.grad.isfinite().all()


def test_unknown_pooling_names_the_allowed() -> None:
    with pytest.raises(ValueError, match="pooling='sum' is not one of mean, max, cls, attention"):
        Pooling("sum", 4)
