"""The encoder: torch's, weight for weight, and its variants."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from sweepformer.models.encoder import Encoder, FeedForward, attention_mask
from sweepformer.models.shape import EncoderShape

WIDTH, LENGTH = 16, 7


def make(**changes: Any) -> Encoder:
    vanilla: dict[str, Any] = {
        "vocab_size": 20,
        "embedding_dim": WIDTH,
        "num_heads": 4,
        "num_layers": 2,
        "dim_feedforward": 32,
        "dropout": 0.0,
        "attention_dropout": 0.0,
        "norm_first": False,
        "activation": "relu",
        "positional_encoding": "sinusoidal",
        "max_length": 12,
    }
    prepend_cls = changes.pop("prepend_cls", False)
    return Encoder(shape=EncoderShape(**(vanilla | changes)), prepend_cls=prepend_cls)


def pairs(ours: Encoder, theirs: nn.TransformerEncoder) -> list[tuple[Tensor, Tensor]]:
    """Each of our parameters with torch's."""
    names = {
        "self_attn.in_proj_": "attention.qkv.",
        "self_attn.out_proj.": "attention.out.",
        "linear1.": "feed_forward.up.",
        "linear2.": "feed_forward.down.",
        "norm1.": "attention_norm.",
        "norm2.": "feed_forward_norm.",
    }
    found = []
    for block, layer in zip(ours.blocks, theirs.layers, strict=True):
        for their_name, our_name in names.items():
            for kind in ("weight", "bias"):
                layer_parameter = dict(layer.named_parameters())[their_name + kind]
                found.append((block.get_parameter(our_name + kind), layer_parameter))
    if theirs.norm is not None:
        found += list(zip(ours.norm.parameters(), theirs.norm.parameters(), strict=True))
    return found


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(
    ("norm_first", "activation", "positions"),
    [(False, "relu", "sinusoidal"), (False, "relu", "none"), (True, "gelu", "none")],
)
def test_equals_torch_outputs_and_gradients(
    norm_first: bool, activation: str, positions: str, padded: bool, causal: bool
) -> None:
    # In float64, where only a different computation differs by more than 1e-9.
    torch.manual_seed(0)
    ours = make(norm_first=norm_first, activation=activation, positional_encoding=positions).double()
    layer = nn.TransformerEncoderLayer(WIDTH, 4, 32, 0.0, activation, batch_first=True, norm_first=norm_first)
    norm = nn.LayerNorm(WIDTH) if norm_first else None
    theirs = nn.TransformerEncoder(layer, 2, norm, enable_nested_tensor=False).double()
    matched = pairs(ours, theirs)
    assert len(matched) == len(list(theirs.parameters())) == len(list(ours.parameters())) - 1
    with torch.no_grad():
        for our, their in matched:
            # Zero biases and unit norms would hide a mix-up.
            our.add_(torch.randn_like(our), alpha=0.1)
            their.copy_(our)

    ids = torch.randint(1, 20, (3, LENGTH))
    padding = torch.arange(LENGTH) >= torch.tensor([[LENGTH], [4], [1]]) if padded else None
    future = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1) if causal else None
    embedded = ours.embedding(ids).detach().requires_grad_()
    our_hidden = ours(ids, padding, causal=causal)
    their_hidden = theirs(embedded, mask=future, src_key_padding_mask=padding)
    real = torch.ones_like(ids, dtype=torch.bool) if padding is None else ~padding
    torch.testing.assert_close(our_hidden[real], their_hidden[real], atol=1e-9, rtol=0)

    direction = torch.randn_like(our_hidden[real])
    (our_hidden[real] * direction).sum().backward()
    (their_hidden[real] * direction).sum().backward()
    for our, their in matched:
        torch.testing.assert_close(our.grad, their.grad, atol=1e-9, rtol=0)
    token_grad = torch.zeros(20, WIDTH).double().index_add_(0, ids.flatten(), embedded.grad.flatten(0, 1) * 4)
    torch.testing.assert_close(ours.embedding.tokens.weight.grad, token_grad, atol=1e-9, rtol=0)


@given(st.integers(1, LENGTH - 1), st.sampled_from(["sinusoidal", "learned", "rotary", "none"]), st.booleans())
@settings(max_examples=25)
def test_causal_states_do_not_see_later_tokens(cut: int, positions: str, norm_first: bool) -> None:
    torch.manual_seed(cut)
    encoder = make(positional_encoding=positions, norm_first=norm_first)
    ids = torch.randint(1, 20, (2, LENGTH))
    changed = ids.clone()
    changed[:, cut:] = ids[:, cut:] % 19 + 1
    before, after = encoder(ids, causal=True), encoder(changed, causal=True)
    torch.testing.assert_close(after[:, :cut], before[:, :cut], atol=1e-5, rtol=0)
    assert not torch.allclose(encoder(changed)[:, :cut], encoder(ids)[:, :cut], atol=1e-4)


@pytest.mark.parametrize("causal", [False, True])
def test_rows_and_queries_without_any_token_stay_finite(causal: bool) -> None:
    encoder = make()
    ids = torch.randint(1, 20, (3, LENGTH))
    padding = torch.zeros(3, LENGTH, dtype=torch.bool)
    padding[0] = True  # all padding
    padding[1, :3] = True  # padding on the left: causal queries there see nothing but padding
    hidden = encoder(ids, padding, causal=causal)
    hidden.sum().backward()
    assert hidden.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in encoder.parameters())


@given(st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=4), st.booleans())
@settings(max_examples=60)
def test_every_query_sees_a_key_and_tokens_see_what_they_should(rows: list[list[bool]], causal: bool) -> None:
    padding = torch.tensor(rows)
    mask = attention_mask(padding, 5, causal, padding.device)
    mask = mask.expand(len(rows), 1, 5, 5)[:, 0]
    assert mask.any(dim=-1).all()
    for row, row_mask in zip(rows, mask, strict=True):
        for query in range(5):
            if not row[query]:
                expected = [not row[key] and (not causal or key <= query) for key in range(5)]
                assert row_mask[query].tolist() == expected


def test_no_padding_and_not_causal_is_no_mask() -> None:
    assert attention_mask(None, 5, False, torch.device("cpu")) is None


def test_pre_norm_ends_with_a_norm() -> None:
    hidden = make(norm_first=True)(torch.randint(1, 20, (2, LENGTH)))
    torch.testing.assert_close(hidden.mean(-1), torch.zeros(2, LENGTH), atol=1e-5, rtol=0)


@pytest.mark.parametrize("hidden", [256, 512, 1024, 2048, 3072])
def test_swiglu_has_about_as_many_parameters(hidden: int) -> None:
    def count(activation: str) -> int:
        return sum(p.numel() for p in FeedForward(128, hidden, 0.0, activation).parameters())

    assert count("swiglu") == pytest.approx(count("gelu"), rel=0.03)


def test_swiglu_is_its_formula() -> None:
    layer, x = FeedForward(8, 24, 0.0, "swiglu"), torch.randn(3, 8)
    gate, value = layer.up.weight.chunk(2)
    gated = x @ gate.T
    expected = (gated * gated.sigmoid() * (x @ value.T)) @ layer.down.weight.T
    torch.testing.assert_close(layer(x), expected)


def test_unknown_activation_names_the_allowed() -> None:
    with pytest.raises(ValueError, match="activation='tanh' is not one of relu, gelu, swiglu"):
        make(activation="tanh")


def test_cls_vector_makes_the_output_one_longer() -> None:
    encoder = make(prepend_cls=True)
    ids = torch.randint(1, 20, (2, LENGTH))
    assert encoder(ids, torch.zeros(2, LENGTH, dtype=torch.bool)).shape == (2, LENGTH + 1, encoder.output_dim)
