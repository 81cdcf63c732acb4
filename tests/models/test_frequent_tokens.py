"""Tokens without a vector of their own are the unknown one, to whoever reads vectors."""

import pytest
import torch

from sweepformer.models.embeddings import FrequentTokens


def test_rare_tokens_are_the_unknown_one() -> None:
    tokens = FrequentTokens(10, 4, frequent=6, unknown_id=1)
    assert len(tokens.weight) == 6
    assert torch.equal(tokens(torch.tensor([[2, 5, 6, 9]])), tokens(torch.tensor([[2, 5, 1, 1]])))
    assert not torch.equal(tokens(torch.tensor(5)), tokens(torch.tensor(1)))


def test_the_unknown_ones_vector_learns_from_rare_tokens() -> None:
    tokens = FrequentTokens(10, 4, frequent=6, unknown_id=1)
    tokens(torch.tensor([7, 8])).sum().backward()
    assert tokens.weight.grad is not None
    assert tokens.weight.grad.abs().sum(1).nonzero().flatten().tolist() == [1]


def test_all_have_one_unless_told() -> None:
    tokens = FrequentTokens(10, 4, unknown_id=1)
    assert torch.equal(tokens(torch.arange(10)), tokens.weight)


def test_rare_tokens_without_an_unknown_one_are_refused() -> None:
    with pytest.raises(ValueError, match="need an unknown_id"):
        FrequentTokens(10, 4, frequent=6)
