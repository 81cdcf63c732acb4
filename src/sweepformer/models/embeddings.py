"""From token ids to vectors that know where they stand."""

import math

import torch
from torch import Tensor, nn

from sweepformer.models.dropout import Dropout
from sweepformer.models.layout import Packed
from sweepformer.models.shape import EncoderShape


class FrequentTokens(nn.Embedding):
    """Vectors of tokens; those beyond the first `frequent` ids all have that of the unknown token.

    Where ids go by frequency, rare tokens so take no room, and the vector of what is unknown is learned from them.

    frequent: how many tokens have a vector of their own, the unknown one among them; None: all. pad_id: the token whose
    vector is and stays zero; None: there is none.

    Raises:
        ValueError: tokens would have no vector, as it isn't said which is the unknown one.
    """

    def __init__(
        self,
        vocab_size: int,
        width: int,
        frequent: int | None = None,
        unknown_id: int | None = None,
        pad_id: int | None = None,
    ) -> None:
        super().__init__(vocab_size if frequent is None else min(frequent, vocab_size), width, padding_idx=pad_id)
        self.vocab_size, self.unknown_id = vocab_size, unknown_id
        if self.num_embeddings < vocab_size and (unknown_id is None or unknown_id >= self.num_embeddings):
            raise ValueError(f"frequent={frequent} of {vocab_size} tokens: the others need an unknown_id among these")

    def forward(self, token_ids: Tensor) -> Tensor:
        """(...) int64 to (..., width) float."""
        return super().forward(self.rows_of(token_ids))

    def rows_of(self, token_ids: Tensor) -> Tensor:
        """(...) int64 token ids to the rows of `weight` that stand for them."""
        if self.num_embeddings == self.vocab_size:
            return token_ids
        assert self.unknown_id is not None  # or all would have one
        return torch.where(token_ids < self.num_embeddings, token_ids, self.unknown_id)


def sinusoidal_table(length: int, width: int) -> Tensor:
    """Sines in the even columns, cosines in the odd ones (Vaswani et al. 2017, section 3.5).

    Returns (length, width) float32: the pair of columns 2i, 2i+1 turns by 10000^(-2i/width) a position.
    """
    position = torch.arange(length, dtype=torch.float64)[:, None]  # float32 angles lose digits at late positions
    column = torch.arange(width)
    angle = position / 10000 ** ((column - column % 2).double() / width)
    return torch.where(column % 2 == 0, angle.sin(), angle.cos()).float()


def rotary_tables(positions: Tensor, head_dim: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary angles (Su et al. 2021, RoFormer).

    positions: (length,). Returns two (length, head_dim / 2) float32: pair i turns by 10000^(-2i/head_dim) a position.
    """
    column = torch.arange(0, head_dim, 2, dtype=torch.float32, device=positions.device)
    angle = torch.outer(positions.float(), 10000 ** (-column / head_dim))
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns each pair of coordinates by its position's angle (Su et al. 2021, equation 34).

    The pairs are (i, i + head_dim / 2) rather than neighbours: the same up to the order of the coordinates,
    with contiguous halves. x: (..., length, head_dim), of any float dtype, which the result keeps.
    """
    first, second = x.float().chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1).type_as(x)


class TokenEmbedding(nn.Module):
    """Token vectors, scaled by sqrt(width), plus positions, then dropout (Vaswani et al. 2017, section 3.4).

    Rotary positions act inside attention, so "rotary" adds nothing here, as "none" does.

    Word dropout leaves out a token's whole vector (Iyyer et al. 2015, section 5): only where it stood is known. Nothing
    is scaled, as the others keep their vectors. To a row's separator and what follows, a vector of their own is added
    (Devlin et al. 2019, segment embeddings). Positions are scaled as the token vectors are.

    prepend_cls: put a learned vector before each sequence, at position 0, which `max_length` doesn't count.
    """

    positions: Tensor | None

    def __init__(self, *, shape: EncoderShape, prepend_cls: bool = False) -> None:
        super().__init__()
        width = shape.embedding_dim
        self.max_length, self.word_dropout, self.std = shape.max_length, shape.word_dropout, shape.embedding_std
        self.scale = math.sqrt(width)
        self.tokens = FrequentTokens(shape.vocab_size, width, shape.frequent, shape.unknown_id, shape.pad_id)
        self.cls = nn.Parameter(torch.empty(width)) if prepend_cls else None
        self.separator_id = shape.separator_id
        self.segments = None if shape.separator_id is None else nn.Embedding(2, width)
        places = shape.max_length + prepend_cls
        if shape.positional_encoding == "sinusoidal":
            # Not in checkpoints: it follows from the config.
            self.register_buffer("positions", self.std * sinusoidal_table(places, width), persistent=False)
        elif shape.positional_encoding == "learned":
            self.positions = nn.Parameter(torch.empty(places, width))
        else:
            self.positions = None
        self.dropout = Dropout(shape.dropout)
        # Token vectors have the variance asked for once scaled; learned positions start small beside them.
        nn.init.normal_(self.tokens.weight, std=self.std / self.scale)
        with torch.no_grad():
            self.tokens.weight[self.tokens.padding_idx].zero_()
        if self.cls is not None:
            nn.init.normal_(self.cls, std=self.std / self.scale)
        if self.segments is not None:
            nn.init.normal_(self.segments.weight, std=0.02 * self.std)
        if isinstance(self.positions, nn.Parameter):
            nn.init.normal_(self.positions, std=0.02 * self.std)

    def forward(self, token_ids: Tensor, packed: Packed | None = None) -> Tensor:
        """(batch, length) int64 to (batch, length, width) float, length + 1 with `prepend_cls`; if packed, (tokens,) to
        (tokens, width).

        Raises:
            ValueError: a row is longer than `max_length`, or packed rows should get a vector before each.
        """
        length = packed.longest if packed else token_ids.shape[1]
        if packed and self.cls is not None:
            raise ValueError("packed rows have no place for a vector before each: give padded ones")
        if length > self.max_length:
            raise ValueError(f"a sequence of {length} tokens is longer than max_length={self.max_length}")
        x = self.tokens(token_ids)
        if self.training and self.word_dropout:
            left_out = torch.rand(token_ids.shape, dtype=torch.float32, device=x.device) < self.word_dropout
            x = x.masked_fill(left_out[..., None], 0.0)
        if self.segments is not None:
            x = x + self.segments(self._segment_of(token_ids, packed))
        if self.cls is not None:
            x = torch.cat([self.cls.expand(x.shape[0], 1, -1), x], dim=1)
        x = x * self.scale
        if self.positions is not None:
            x = x + self.positions[packed.positions if packed else slice(x.shape[1])]
        return self.dropout(x)

    def _segment_of(self, token_ids: Tensor, packed: Packed | None) -> Tensor:
        """Shaped as token_ids, int64: 0 before a row's first separator, 1 from it on."""
        assert self.separator_id is not None
        separators = token_ids.eq(self.separator_id).long()
        if packed is None:
            return separators.cumsum(1).clamp(max=1)
        passed = separators.cumsum(0)
        before = (passed - separators)[packed.starts[:-1].long()]  # in the rows before
        return (passed - before[packed.rows]).clamp(max=1)
