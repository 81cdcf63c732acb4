"""Positions by their formulas, and tokens of unit variance."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sweepformer.models.embeddings import TokenEmbedding, rotary_tables, rotate, sinusoidal_table
from sweepformer.models.shape import EncoderShape


def make(vocab_size: int, width: int, encoding: str, max_length: int, **others: Any) -> TokenEmbedding:
    prepend_cls = others.pop("prepend_cls", False)
    shape = EncoderShape(
        vocab_size=vocab_size, embedding_dim=width, positional_encoding=encoding, max_length=max_length, dropout=0.0,
        **others,
    )  # fmt: skip
    return TokenEmbedding(shape=shape, prepend_cls=prepend_cls)


@given(st.integers(0, 500), st.integers(1, 40), st.data())
@settings(max_examples=40)
def test_sinusoidal_table_is_the_formula(position: int, width: int, data: st.DataObject) -> None:
    column = data.draw(st.integers(0, width - 1))
    angle = position / 10000 ** (2 * (column // 2) / width)
    expected = math.cos(angle) if column % 2 else math.sin(angle)
    assert sinusoidal_table(501, width)[position, column].item() == pytest.approx(expected, abs=1e-6)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(1, 8))
@settings(max_examples=40)
def test_rotary_scores_depend_on_the_distance_only(i: int, j: int, shift: int, half: int) -> None:
    torch.manual_seed(i)
    query, key = torch.randn(2, 2 * half)
    cos, sin = rotary_tables(torch.arange(121), 2 * half)

    def score(query_at: int, key_at: int) -> float:
        turned = rotate(query, cos[query_at], sin[query_at]) @ rotate(key, cos[key_at], sin[key_at])
        return turned.item()

    assert score(i, j) == pytest.approx(score(i + shift, j + shift), abs=1e-4)
    assert score(i, i) == pytest.approx((query @ key).item(), abs=1e-4)


def test_rotary_scores_do_depend_on_the_distance() -> None:
    cos, sin = rotary_tables(torch.arange(9), 8)
    ones = torch.ones(9, 8)
    scores = rotate(ones, cos, sin)[0] @ rotate(ones, cos, sin).T
    assert (scores[0] - scores[1:] > 0.1).all()


def test_rotation_keeps_the_dtype() -> None:
    cos, sin = rotary_tables(torch.arange(3), 4)
    assert rotate(torch.ones(3, 4, dtype=torch.bfloat16), cos, sin).dtype == torch.bfloat16


def test_scaled_tokens_have_unit_variance_and_padding_is_zero() -> None:
    torch.manual_seed(0)
    embedding = make(1000, 64, "none", 1000, pad_id=7)
    x = embedding(torch.arange(1000)[None])[0]
    assert x.var().item() == pytest.approx(1, abs=0.05)
    assert not x[7].any()
    x.square().sum().backward()
    assert not embedding.tokens.weight.grad[7].any()


@pytest.mark.parametrize("encoding", ["sinusoidal", "learned"])
def test_positions_are_added_to_the_tokens(encoding: str) -> None:
    embedding = make(10, 16, encoding, 6, prepend_cls=True)
    ids = torch.tensor([[3, 4, 3]])
    x = embedding(ids)[0]
    assert x.shape == (4, 16)
    bare = torch.cat([embedding.cls[None], embedding.tokens(ids)[0]]) * 4
    torch.testing.assert_close(x - bare, embedding.positions[:4].detach(), atol=1e-5, rtol=0)
    if encoding == "sinusoidal":
        assert torch.equal(embedding.positions, sinusoidal_table(7, 16))
        assert "positions" not in embedding.state_dict()


@pytest.mark.parametrize("encoding", ["sinusoidal", "learned", "rotary", "none"])
@pytest.mark.parametrize("prepend_cls", [False, True])
def test_longer_than_max_length_is_refused(encoding: str, prepend_cls: bool) -> None:
    embedding = make(10, 8, encoding, 5, prepend_cls=prepend_cls)
    assert embedding(torch.ones(2, 5, dtype=torch.long)).shape == (2, 5 + prepend_cls, 8)
    with pytest.raises(ValueError, match="6 tokens is longer than max_length=5"):
        embedding(torch.ones(2, 6, dtype=torch.long))


def test_unknown_positions_name_the_allowed() -> None:
    with pytest.raises(ValueError, match="'sine' is not one of sinusoidal, learned, rotary, none"):
        make(10, 8, "sine", 5)


def test_word_dropout_leaves_out_whole_tokens_while_training_only() -> None:
    torch.manual_seed(0)
    embedding = make(30, 8, "none", 400, word_dropout=0.3)
    token_ids = torch.randint(1, 30, (20, 400))
    heard = embedding.eval()(token_ids)
    partly = embedding.train()(token_ids)
    missing = (partly == 0).all(-1)
    assert missing.float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert torch.equal(partly[~missing], heard[~missing])  # the others are as ever
    assert not (heard == 0).all(-1).any()


@pytest.mark.parametrize("std", [1.0, 0.2])
def test_tokens_and_positions_begin_as_large_as_asked_for(std: float) -> None:
    torch.manual_seed(0)
    made = make(500, 64, "sinusoidal", 9, embedding_std=std)
    made.positions = None
    assert made(torch.arange(1, 9)[None]).std().item() == pytest.approx(std, rel=0.1)
    made = make(500, 64, "sinusoidal", 9, embedding_std=std)
    torch.testing.assert_close(made.positions, std * sinusoidal_table(9, 64))
