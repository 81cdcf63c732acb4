"""Self-attention, and the ways to compute it: which is fast depends on device, dtype and layout."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sweepformer.models.dropout import drop
from sweepformer.models.embeddings import rotary_tables, rotate
from sweepformer.models.layout import Layout, Packed
from sweepformer.models.torch_internals import float32_matmul_by_onednn, softmax_gradient

_by_onednn = False  # kept here too: torch.compile can't read torch's own setting


def use_fast_float32() -> None:
    """Let oneDNN compute float32 products, where that is no less exact than what torch does by default.

    torch leaves them to MKL, which is 1.2 to 1.5 times slower than oneDNN on an AMD processor. What it offers
    for that is the setting "bf16", which allows oneDNN to round to bfloat16 and which it makes no use of but on
    processors with matrix units: whether it does here is tried out.
    """
    global _by_onednn
    if torch.backends.mkldnn.is_available() and not _by_onednn:
        setting = float32_matmul_by_onednn()
        before = setting.fp32_precision
        setting.fp32_precision = "bf16"
        random = torch.Generator().manual_seed(0)
        a, b = (torch.randn(256, 256, generator=random) for _ in range(2))
        # The error of bfloat16 is ten thousand times that of float32.
        _by_onednn = bool(((a @ b) - (a.double() @ b.double())).abs().max() < 1e-3)
        if not _by_onednn:
            setting.fp32_precision = before


BLOCK = 2**19  # scores held at a time by "blocks": 1 MB in 16 bit, which fits into a core's cache


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
    query, key, value = (layout.padded(one.transpose(0, 1)).transpose(1, 2) for one in (query, key, value))
    out = attend(query, key, value, ~layout.padding_mask[:, None, None, :], dropout, "auto")
    return layout.packed(out.transpose(1, 2)).transpose(0, 1)


def choose_kernel(query: Tensor, mask: Tensor | None, dropout: float) -> str:
    """What "auto" stands for."""
    # On a GPU torch picks among fused kernels. With MKL's products its CPU kernel for 32 bit ties with the others
    # or wins; with oneDNN's, which 16 bit always has, its backward pass is 4 to 6 times slower than plain products.
    if query.device.type != "cpu" or query.dtype is torch.float64 or (query.dtype is torch.float32 and not _by_onednn):
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

    The scores are computed again for the gradient instead of being kept, as Dao et al. 2022 (FlashAttention) do. bias:
    (batch, 1, 1, length) or None.
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
            d_scores = softmax_gradient(d_weights, weights)
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


class SelfAttention(nn.Module):
    """Each position gathers what it needs from the positions it may see.

    embedding_dim: width of the vectors, a multiple of num_heads; dropout: of the attention weights; rotary: turn
    queries and keys by their positions (Su et al. 2021), so that scores depend on distance; kernel: one of
    `shape.ATTENTION`.
    """

    def __init__(
        self, embedding_dim: int, num_heads: int, dropout: float = 0.0, rotary: bool = False, kernel: str = "auto"
    ) -> None:
        super().__init__()
        if embedding_dim % num_heads:
            raise ValueError(f"embedding_dim={embedding_dim} is not a multiple of num_heads={num_heads}")
        self.num_heads, self.head_dim = num_heads, embedding_dim // num_heads
        if rotary and self.head_dim % 2:
            width = f"{self.head_dim} (embedding_dim={embedding_dim} / num_heads={num_heads})"
            raise ValueError(f"rotary positions need an even width of a head, not {width}")
        self.dropout, self.rotary, self.kernel = dropout, rotary, kernel
        # Queries, keys and values in one product, stacked in this order as in torch's in_proj_weight.
        self.qkv = nn.Linear(embedding_dim, 3 * embedding_dim)
        self.out = nn.Linear(embedding_dim, embedding_dim)

    def forward(self, x: Tensor, mask: Layout = None) -> Tensor:
        """(batch, length, width) float to the same; (tokens, width) of packed rows.

        mask: bool, broadcastable to (batch, heads, length, length), True where the query (third axis) may
        see the key (last axis); every query must see some key. None: all see all. Packed rows see themselves.
        """
        dropout = self.dropout if self.training else 0.0
        # (..., length, 3 width) -> three times (..., heads, length, head_dim)
        split = self.qkv(x).unflatten(-1, (3, self.num_heads, self.head_dim))
        query, key, value = (one.transpose(-3, -2) for one in split.unbind(-3))
        if self.rotary:
            # Computed anew each time: cheap beside attention, and never rounded by a cast of the model.
            positions = mask.positions if isinstance(mask, Packed) else torch.arange(x.shape[1], device=x.device)
            cos, sin = rotary_tables(positions, self.head_dim)
            query, key = rotate(query, cos, sin), rotate(key, cos, sin)
        if isinstance(mask, Packed):
            heads = attend_packed(query, key, value, mask, dropout)
        else:
            heads = attend(query, key, value, mask, dropout, self.kernel)
        return self.out(heads.transpose(-3, -2).flatten(-2))
