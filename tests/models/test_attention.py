"""Self-attention: equal to torch's, and refusing what it cannot split."""

import pytest
import torch
from torch import nn

from sweepformer.models.attention import SelfAttention


def test_equals_torch_multihead_attention_with_its_weights() -> None:
    torch.manual_seed(0)
    ours, theirs = SelfAttention(12, 3), nn.MultiheadAttention(12, 3, batch_first=True)
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.qkv.weight,
            "in_proj_bias": ours.qkv.bias,
            "out_proj.weight": ours.out.weight,
            "out_proj.bias": ours.out.bias,
        }
    )
    x = torch.randn(2, 5, 12)
    mask = torch.ones(5, 5, dtype=torch.bool).tril()
    torch.testing.assert_close(ours(x, mask), theirs(x, x, x, attn_mask=~mask)[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(ours(x), theirs(x, x, x)[0], atol=1e-5, rtol=0)


def test_a_masked_key_is_not_seen() -> None:
    attention, x = SelfAttention(8, 2), torch.randn(1, 4, 8)
    mask = torch.tensor([True, True, False, True]).view(1, 1, 1, 4)
    changed = x.clone()
    changed[:, 2] += 10
    seen = [0, 1, 3]
    torch.testing.assert_close(attention(changed, mask)[:, seen], attention(x, mask)[:, seen])
    assert not torch.allclose(attention(changed)[:, seen], attention(x)[:, seen], atol=1e-3)


@pytest.mark.parametrize("rotary", [False, True])
def test_order_matters_only_to_rotary(rotary: bool) -> None:
    torch.manual_seed(0)
    attention, x = SelfAttention(8, 2, rotary=rotary), torch.randn(1, 6, 8)
    flipped = attention(x.flip(1)).flip(1)
    assert torch.allclose(flipped, attention(x), atol=1e-5) is not rotary


def test_rotary_does_not_change_when_all_move_along() -> None:
    attention, x = SelfAttention(8, 2, rotary=True), torch.randn(1, 6, 8)
    moved = torch.cat([torch.randn(1, 3, 8), x], dim=1)
    mask = (torch.arange(9) >= 3).view(1, 1, 1, 9)
    torch.testing.assert_close(attention(moved, mask)[:, 3:], attention(x), atol=1e-5, rtol=0)


def test_dropout_acts_in_training_only() -> None:
    attention, x = SelfAttention(8, 2, dropout=0.5), torch.randn(2, 6, 8)
    assert not torch.equal(attention(x), attention(x))
    attention.eval()
    assert torch.equal(attention(x), attention(x))


def test_refuses_widths_that_do_not_split() -> None:
    with pytest.raises(ValueError, match="embedding_dim=10 is not a multiple of num_heads=4"):
        SelfAttention(10, 4)
    with pytest.raises(ValueError, match="even width of a head, not 3"):
        SelfAttention(6, 2, rotary=True)
