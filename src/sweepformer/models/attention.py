"""Multi-head self-attention (Vaswani et al. 2017, section 3.2)."""

import torch
from torch import Tensor, nn

from sweepformer.models.attention_kernels import KERNELS, attend, attend_packed
from sweepformer.models.choices import check_choice
from sweepformer.models.embeddings import rotary_tables, rotate
from sweepformer.models.layout import Packed


class SelfAttention(nn.Module):
    """Each position gathers what it needs from the positions it may see.

    Args:
        embedding_dim: width of the vectors; a multiple of `num_heads`.
        num_heads: attention heads, each of width embedding_dim / num_heads.
        dropout: of the attention weights.
        rotary: turn queries and keys by their positions (Su et al. 2021), so that scores depend on distance.
        kernel: how it is computed, one of `KERNELS`.
    """

    def __init__(
        self,
        embedding_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        rotary: bool = False,
        kernel: str = "auto",
    ) -> None:
        super().__init__()
        check_choice("attention", kernel, KERNELS)
        if embedding_dim % num_heads:
            raise ValueError(f"embedding_dim={embedding_dim} is not a multiple of num_heads={num_heads}")
        self.num_heads = num_heads
        self.head_dim = embedding_dim // num_heads
        if rotary and self.head_dim % 2:
            raise ValueError(
                f"rotary positions need an even width of a head, "
                f"not {self.head_dim} (embedding_dim={embedding_dim} / num_heads={num_heads})"
            )
        self.dropout = dropout
        self.rotary = rotary
        self.kernel = kernel
        # Queries, keys and values in one product, stacked in this order as in torch's in_proj_weight.
        self.qkv = nn.Linear(embedding_dim, 3 * embedding_dim)
        self.out = nn.Linear(embedding_dim, embedding_dim)

    def forward(self, x: Tensor, mask: Packed | Tensor | None = None) -> Tensor:
        """(batch, length, width) float to the same; (tokens, width) of packed rows.

        mask: bool, broadcastable to (batch, heads, length, length), True where the query (third axis) may
        see the key (last axis); every query must see some key. None: all see all. Packed rows see themselves.
        """
        packed = mask if isinstance(mask, Packed) else None
        dropout = self.dropout if self.training else 0.0
        # (..., length, 3 width) -> three times (..., heads, length, head_dim)
        split = self.qkv(x).unflatten(-1, (3, self.num_heads, self.head_dim))
        query, key, value = (one.transpose(-3, -2) for one in split.unbind(-3))
        if self.rotary:
            # Computed anew each time: cheap beside attention, and never rounded by a cast of the model.
            positions = packed.positions if packed else torch.arange(x.shape[1], device=x.device)
            cos, sin = rotary_tables(positions, self.head_dim)
            query, key = rotate(query, cos, sin), rotate(key, cos, sin)
        if isinstance(mask, Packed):
            heads = attend_packed(query, key, value, mask, dropout)
        else:
            heads = attend(query, key, value, mask, dropout, self.kernel)
        return self.out(heads.transpose(-3, -2).flatten(-2))
