"""From one vector a token to one vector a sequence."""

import torch
from torch import Tensor, nn

from sweepformer.models.choices import check_choice
from sweepformer.models.layout import Layout, Packed

POOLINGS = ("mean", "max", "cls", "attention")


class Pooling(nn.Module):
    """One vector for each sequence, in which padding does not count.

    "mean" and "max" go over the tokens, coordinate by coordinate. "cls" takes the first position, where a
    learned vector stands (Devlin et al. 2019, BERT). "attention" is a mean weighted by a softmax of each
    token's product with a learned vector (after Yang et al. 2016, hierarchical attention networks, without
    the hidden layer). A sequence that is all padding gives zeros ("cls" aside, which is never padding).
    """

    def __init__(self, kind: str, width: int) -> None:
        super().__init__()
        check_choice("pooling", kind, POOLINGS)
        self.kind = kind
        # Zero scores: it starts as the mean. No bias, as softmax would cancel it.
        self.score = nn.Parameter(torch.zeros(width)) if kind == "attention" else None

    def forward(self, hidden: Tensor, layout: Layout = None) -> Tensor:
        """(batch, length, width) float, or (tokens, width) if packed, to (batch, width).

        layout: (batch, length) bool, True where there is no token; None: there is no padding; or how rows are packed.
        """
        if self.kind == "cls":
            return hidden[:, 0]
        # Padded for this one step: it costs nothing beside the layers.
        if isinstance(layout, Packed):
            hidden, layout = layout.padded(hidden), layout.padding_mask
        if layout is None:
            layout = torch.zeros(hidden.shape[:2], dtype=torch.bool, device=hidden.device)
        padding = layout[:, :, None]
        # The lowest number rather than -inf, which would turn a sequence that is all padding into NaN.
        lowest = torch.finfo(hidden.dtype).min
        if self.kind == "max":
            pooled = hidden.masked_fill(padding, lowest).amax(dim=1)
            return pooled.masked_fill(padding.all(dim=1), 0.0)
        if self.score is None:
            weights = (~padding).to(hidden.dtype)
            weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1)
        else:
            scores = (hidden * self.score).sum(dim=-1, keepdim=True)
            weights = scores.masked_fill(padding, lowest).softmax(dim=1).masked_fill(padding, 0.0)
        return (weights * hidden).sum(dim=1)
