"""Packed rows give what padded ones give: logits, loss and gradients."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sweepformer.models.layout import Layout, Packed
from sweepformer.models.shape import POSITIONAL_ENCODINGS
from sweepformer.models.transformer import Transformer


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_padding_and_packing_undo_each_other(lengths: list[int]) -> None:
    layout = Packed.of(torch.tensor(lengths))
    x = torch.arange(sum(lengths))
    assert layout.lengths.tolist() == lengths
    assert (~layout.padding_mask).sum(1).tolist() == lengths
    assert torch.equal(layout.packed(layout.padded(x)), x)
    assert torch.equal(layout.padded(x + 1) == 0, layout.padding_mask)


def learn(token_ids: Tensor, layout: Layout, labels: Tensor, **options: Any) -> tuple[Tensor, list[Tensor]]:
    torch.manual_seed(0)
    model = Transformer(
        vocab_size=30, num_classes=3, embedding_dim=16, num_heads=2, dropout=0.0, classifier_dropout=0.0, **options
    )
    logits = model(token_ids, layout)
    torch.nn.functional.cross_entropy(logits, labels).backward()
    return logits, [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("pooling", ["mean", "max", "attention"])
@pytest.mark.parametrize("positional_encoding", POSITIONAL_ENCODINGS)
def test_packed_rows_learn_what_padded_ones_learn(pooling: str, positional_encoding: str) -> None:
    lengths = torch.tensor([5, 1, 9, 3])
    packed = Packed.of(lengths)
    tokens, labels = torch.randint(1, 30, (int(lengths.sum()),)), torch.tensor([0, 1, 2, 1])
    options = {"pooling": pooling, "positional_encoding": positional_encoding}
    logits, gradients = learn(tokens, packed, labels, attention="varlen", **options)
    expected, theirs = learn(packed.padded(tokens), packed.padding_mask, labels, attention="sdpa", **options)
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=0)
    for ours, other in zip(gradients, theirs, strict=True):
        torch.testing.assert_close(ours, other, atol=1e-5, rtol=0)


def test_what_packed_rows_cannot_have_is_refused() -> None:
    layout = Packed.of(torch.tensor([3, 2]))
    tokens = torch.ones(5, dtype=torch.int64)
    with pytest.raises(ValueError, match="vector before each"):
        Transformer(vocab_size=9, num_classes=2, pooling="cls")(tokens, layout)
    with pytest.raises(ValueError, match="causal"):
        Transformer(vocab_size=9, num_classes=2).encoder(tokens, layout, causal=True)
    with pytest.raises(ValueError, match="longer than max_length=2"):
        Transformer(vocab_size=9, num_classes=2, max_length=2)(tokens, layout)
