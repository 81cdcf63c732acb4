"""What a token's neighbours are, before any attention: a convolution over the embeddings."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sweepformer.models.dropout import Dropout
from sweepformer.models.layout import Layout, Packed


class ConvolutionStem(nn.Module):
    """Adds to each token's vector what it makes of it and its two neighbours: x + GELU(W [before, x, after] + b).

    A convolution of width 3, as a linear layer over three vectors. It tells word order from the first step on, which
    attention has to find out (Wu et al. 2021, CvT, for images; Kim 2014 classified sentences by convolutions alone).
    Beyond a row's ends there are zeros, and so where what comes next isn't to be seen.

    Args:
        width: of the vectors.
        dropout: of what is added.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.mix = nn.Linear(3 * width, width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, layout: Layout = None, causal: bool = False) -> Tensor:
        """(batch, length, width) float, or (tokens, width) if packed, to the same; others as in `Encoder.forward`."""
        if isinstance(layout, Packed):
            before, after = _packed_neighbours(x, layout)
        else:
            if layout is not None:
                x = x.masked_fill(layout[..., None], 0.0)
            before, after = F.pad(x, (0, 0, 1, 0))[:, :-1], F.pad(x, (0, 0, 0, 1))[:, 1:]
        if causal:
            after = torch.zeros_like(after)
        return x + self.dropout(F.gelu(self.mix(torch.cat([before, x, after], dim=-1))))


def _packed_neighbours(x: Tensor, layout: Packed) -> tuple[Tensor, Tensor]:
    """What stands before and after each token in its own row, zeros at the row's ends."""
    first = layout.positions[:, None] == 0
    last = first.roll(-1, 0)  # where the next token is the first of its row; the very last one's next is the very first
    return x.roll(1, 0).masked_fill(first, 0.0), x.roll(-1, 0).masked_fill(last, 0.0)
