"""The transformer encoder (Vaswani et al. 2017), and the variants that later work settled on."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sweepformer.models.attention import SelfAttention
from sweepformer.models.dropout import Dropout
from sweepformer.models.embeddings import TokenEmbedding
from sweepformer.models.layout import Layout, Packed
from sweepformer.models.shape import EncoderShape

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu, "swiglu": F.silu}


def init_linear(module: nn.Module) -> None:
    """Glorot and Bengio (2010) weights and zero biases, if the module is linear; for `nn.Module.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def attention_mask(padding_mask: Tensor | None, length: int, causal: bool, device: torch.device) -> Tensor | None:
    """What each query may see: bool, broadcastable to (batch, heads, length, length); None if all see all.

    Only None counts as "no padding": to look into the mask would make the CPU wait for the GPU at each batch. Every
    query sees some key, or its softmax would be 0 / 0: a row that is all padding sees all of itself, and, if causal,
    each position sees itself. Neither changes what real tokens see.
    """
    visible = None
    if padding_mask is not None:
        visible = (~padding_mask | padding_mask.all(dim=1, keepdim=True))[:, None, None, :]
    if not causal:
        return visible
    past = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    if visible is None:
        return past
    return visible & past | torch.eye(length, dtype=torch.bool, device=device)


class ConvolutionStem(nn.Module):
    """Adds to each token's vector what it makes of it and its two neighbours: x + GELU(W [before, x, after] + b).

    A convolution of width 3, as a linear layer over three vectors, with dropout of what is added. It tells word order
    from the first step on, which attention has to find out (Wu et al. 2021, CvT, for images; Kim 2014 classified
    sentences by convolutions alone). Beyond a row's ends there are zeros, and where what comes next isn't to be seen.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.mix = nn.Linear(3 * width, width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, layout: Layout = None, causal: bool = False) -> Tensor:
        """(batch, length, width) float, or (tokens, width) if packed, to the same; others as in `Encoder.forward`."""
        if isinstance(layout, Packed):
            first = layout.positions[:, None] == 0
            last = first.roll(-1, 0)  # where the next token is its row's first; after the very last comes the first
            before, after = x.roll(1, 0).masked_fill(first, 0.0), x.roll(-1, 0).masked_fill(last, 0.0)
        else:
            if layout is not None:
                x = x.masked_fill(layout[..., None], 0.0)
            before, after = F.pad(x, (0, 0, 1, 0))[:, :-1], F.pad(x, (0, 0, 0, 1))[:, 1:]
        if causal:
            after = torch.zeros_like(after)
        return x + self.dropout(F.gelu(self.mix(torch.cat([before, x, after], dim=-1))))


class FeedForward(nn.Module):
    """Two linear layers with an activation between them, at each position alone.

    "swiglu" multiplies the activation with a second projection, all without biases (Shazeer 2020, "GLU
    Variants Improve Transformer"). It has three matrices for two, so its hidden width is 2/3 of the given
    one (to the nearest multiple of 8, for fast kernels), and the number of parameters about the same.
    """

    def __init__(self, width: int, hidden: int, dropout: float, activation: str) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        self.gated = activation == "swiglu"
        if self.gated:
            hidden = 8 * max(1, round(hidden * 2 / 3 / 8))
        self.up = nn.Linear(width, 2 * hidden if self.gated else hidden, bias=not self.gated)
        self.dropout = Dropout(dropout)
        self.down = nn.Linear(hidden, width, bias=not self.gated)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) float to the same."""
        x = self.up(x)
        if self.gated:
            gate, x = x.chunk(2, dim=-1)
            x = self.activation(gate) * x
        else:
            x = self.activation(x)
        return self.down(self.dropout(x))


class Block(nn.Module):
    """Attention, then feed-forward, each with a residual and a LayerNorm.

    The norm comes after the sum (post-norm, Vaswani et al. 2017) or, with `norm_first`, before the part
    (pre-norm, Xiong et al. 2020), which leaves the residual path clear and trains without long warm-up.
    """

    def __init__(self, *, shape: EncoderShape) -> None:
        super().__init__()
        width = shape.embedding_dim
        self.norm_first = shape.norm_first
        rotary = shape.positional_encoding == "rotary"
        self.attention = SelfAttention(width, shape.num_heads, shape.attention_dropout, rotary, shape.attention)
        self.attention_norm = nn.LayerNorm(width)
        self.feed_forward = FeedForward(width, shape.dim_feedforward, shape.dropout, shape.activation)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.dropout = Dropout(shape.dropout)

    def forward(self, x: Tensor, mask: Layout) -> Tensor:
        """(..., length, width) float to the same; mask as in SelfAttention."""
        if self.norm_first:
            x = x + self.dropout(self.attention(self.attention_norm(x), mask))
            return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        x = self.attention_norm(x + self.dropout(self.attention(x, mask)))
        return self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))


class Encoder(nn.Module):
    """Token ids to one vector a token, each in the light of the others.

    With activation="relu" and norm_first=False, the layers compute what torch.nn.TransformerEncoder does.

    Pre-norm layers end with one more LayerNorm. `output_dim` is the width.

    prepend_cls: put a learned vector before each sequence; the output is then one longer.
    """

    def __init__(self, *, shape: EncoderShape, prepend_cls: bool = False) -> None:
        super().__init__()
        width = self.output_dim = shape.embedding_dim
        self.prepend_cls = prepend_cls
        self.embedding = TokenEmbedding(shape=shape, prepend_cls=prepend_cls)
        self.stem = ConvolutionStem(width, shape.dropout) if shape.stem == "convolution" else None
        self.blocks = nn.ModuleList(Block(shape=shape) for _ in range(shape.num_layers))
        self.norm = nn.LayerNorm(width) if shape.norm_first else nn.Identity()  # pre-norm blocks normalise no sum
        self.apply(init_linear)

    def forward(self, token_ids: Tensor, layout: Layout = None, causal: bool = False) -> Tensor:
        """Hidden states, (batch, length, width) float; length + 1 with `prepend_cls`; (tokens, width) if packed.

        Arguments as `Transformer.forward`; causal in padded batches only.
        """
        mask = layout
        if isinstance(layout, Packed):
            if causal:
                raise ValueError("packed rows can't be causal: give padded ones")
            x = self.embedding(token_ids, layout)
        else:
            x = self.embedding(token_ids)
            if self.prepend_cls and layout is not None:
                layout = F.pad(layout, (1, 0), value=False)
            mask = attention_mask(layout, x.shape[1], causal, x.device)
        if self.stem is not None:
            x = self.stem(x, layout, causal)
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x)
