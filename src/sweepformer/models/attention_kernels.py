"""Ways to compute attention, and which one is taken where; each choice was measured.

All take queries, keys and values of shape (batch, heads, length, head_dim) and a mask as `SelfAttention` does.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sweepformer.models.dropout import drop
from sweepformer.models.layout import Packed
from sweepformer.models.products import float32_by_onednn

KERNELS = ("auto", "sdpa", "math", "blocks", "varlen")  # "varlen": batches are packed, see `attend_packed`

# Scores held at a time by "blocks": 1 MB in 16 bit, which fits into a core's cache.
BLOCK = 2**19


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float, kernel: str) -> Tensor:
    """Softmax of the scaled products of queries and keys, applied to the values; same shape as the queries."""
    if kernel in ("auto", "varlen"):
        kernel = choose_kernel(query, mask, dropout)
    if kernel == "sdpa":
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
    if kernel == "blocks" and _blocks_can(mask, dropout):
        return _Blocks.apply(query, key, value, _bias(mask, query))  # type: ignore[no-any-return]
    return _math(query, key, value, mask, dropout)


def attend_packed(query: Tensor, key: Tensor, value: Tensor, layout: Packed, dropout: float) -> Tensor:
    """Attention of each token to those of its own row; all of shape (heads, tokens, head_dim).

    On a GPU in 16 bit by torch's kernel for rows of varying length, which has no dropout; elsewhere the rows are
    padded for as long as it takes.
    """
    if query.device.type == "cuda" and query.dtype in (torch.bfloat16, torch.float16) and not dropout:
        from torch.nn.attention.varlen import varlen_attn

        query, key, value = (one.transpose(0, 1).contiguous() for one in (query, key, value))
        out: Any = varlen_attn(query, key, value, layout.starts, layout.starts, layout.longest, layout.longest)
        return out.transpose(0, 1)
    rows = [layout.padded(one.transpose(0, 1)).transpose(1, 2) for one in (query, key, value)]
    out = attend(rows[0], rows[1], rows[2], ~layout.padding_mask[:, None, None, :], dropout, "auto")
    return layout.packed(out.transpose(1, 2)).transpose(0, 1)


def choose_kernel(query: Tensor, mask: Tensor | None, dropout: float) -> str:
    """What "auto" stands for."""
    # On a GPU torch picks among fused kernels. With MKL's products its CPU kernel for 32 bit ties with the others
    # or wins; with oneDNN's, which 16 bit always has, its backward pass is 4 to 6 times slower than plain products.
    if query.device.type != "cpu" or query.dtype is torch.float64:
        return "sdpa"
    if query.dtype is torch.float32 and not float32_by_onednn():
        return "sdpa"
    if query.shape[-2] <= 128:
        return "math"
    # Beyond, the scores no longer fit into the caches; blocks of them do, and are 1.5 to 3 times as fast in 16 bit.
    return "blocks" if _blocks_can(mask, dropout) else "math"


def _blocks_can(mask: Tensor | None, dropout: float) -> bool:
    """Whether "blocks" can do what is asked for; "math", which is the same but slower, does the rest."""
    return (mask is None or mask.shape[-2] == 1) and not dropout


def _bias(mask: Tensor | None, query: Tensor) -> Tensor | None:
    """What is added to scores: 0 where a query may see a key, else minus infinity."""
    if mask is None:
        return None
    return torch.zeros(mask.shape, dtype=query.dtype, device=query.device).masked_fill_(~mask, float("-inf"))


def _math(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float) -> Tensor:
    """As the formula has it (Vaswani et al. 2017, equation 1)."""
    # The queries are scaled: there are fewer of them than scores.
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    bias = _bias(mask, query)
    weights = (scores if bias is None else scores + bias).softmax(-1)
    return (drop(weights, dropout) if dropout else weights) @ value


class _Blocks(torch.autograd.Function):
    """A few heads of a few rows at a time, so that their scores stay in the cache.

    The scores are computed again for the gradient instead of being kept, as Dao et al. 2022 (FlashAttention)
    do. bias: (batch, 1, 1, length) or None.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
        shape = query.shape
        query = query * shape[-1] ** -0.5
        query, key, value = (one.reshape(-1, *shape[2:]) for one in (query, key, value))
        if bias is not None:
            bias = bias.expand(*shape[:2], 1, shape[2]).reshape(-1, 1, shape[2])
        out = torch.empty_like(query)
        for block in _blocks(query):
            torch.bmm(_weights(query[block], key[block], bias, block), value[block], out=out[block])
        ctx.save_for_backward(query, key, value, bias)
        ctx.shape = shape
        return out.view(shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        query, key, value, bias = ctx.saved_tensors
        out = gradients[0].reshape(query.shape)
        d_query, d_key, d_value = (torch.empty_like(one) for one in (query, key, value))
        for block in _blocks(query):
            weights = _weights(query[block], key[block], bias, block)
            torch.bmm(weights.transpose(1, 2), out[block], out=d_value[block])
            d_weights = torch.bmm(out[block], value[block].transpose(1, 2))
            d_scores = torch._softmax_backward_data(d_weights, weights, -1, weights.dtype)
            torch.bmm(d_scores, key[block], out=d_query[block])
            torch.bmm(d_scores.transpose(1, 2), query[block], out=d_key[block])
        d_query *= ctx.shape[-1] ** -0.5
        return d_query.view(ctx.shape), d_key.view(ctx.shape), d_value.view(ctx.shape), None


def _blocks(query: Tensor) -> list[slice]:
    """Which of the (rows x heads, length, head_dim) go together."""
    heads, length, _ = query.shape
    step = max(1, BLOCK // length**2)
    return [slice(start, start + step) for start in range(0, heads, step)]


def _weights(query: Tensor, key: Tensor, bias: Tensor | None, block: slice) -> Tensor:
    scores = torch.bmm(query, key.transpose(1, 2))
    if bias is not None:
        scores += bias[block]
    return scores.softmax(-1)
