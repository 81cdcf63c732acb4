"""How the rows of a batch lie in its tensors."""

from typing import NamedTuple

import torch
from torch import Tensor


class Packed(NamedTuple):
    """Rows one after another along one dimension, without padding.

    starts: (rows + 1,) int32, where each row begins, and at last the number of tokens; positions: (tokens,) int64,
    each token's place in its row; rows: (tokens,) int64, its row; longest: tokens of the longest row.
    """

    starts: Tensor
    positions: Tensor
    rows: Tensor
    longest: int

    @classmethod
    def of(cls, lengths: Tensor) -> "Packed":
        """The layout of rows of these lengths, (rows,) int64."""
        ends = lengths.cumsum(0)
        rows = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        positions = torch.arange(len(rows)) - (ends - lengths)[rows]
        starts = torch.cat([ends.new_zeros(1), ends]).to(torch.int32)
        return cls(starts, positions, rows, int(lengths.max()))

    def between(self, first: int, last: int) -> "Packed":
        """The layout of the rows from `first` to before `last` alone."""
        starts = self.starts[first : last + 1]
        tokens = slice(int(starts[0]), int(starts[-1]))
        return Packed(starts - starts[0], self.positions[tokens], self.rows[tokens] - first, int(starts.diff().max()))

    @property
    def lengths(self) -> Tensor:
        """(rows,) int32 tokens."""
        return self.starts.diff()

    @property
    def padding_mask(self) -> Tensor:
        """(rows, longest) bool, True where there would be no token if the rows were padded."""
        return torch.arange(self.longest, device=self.starts.device) >= self.lengths[:, None]

    def padded(self, x: Tensor) -> Tensor:
        """(tokens, ...) to (rows, longest, ...), filled up with zeros."""
        out = x.new_zeros(len(self.starts) - 1, self.longest, *x.shape[1:])
        return out.index_put((self.rows, self.positions), x)

    def packed(self, x: Tensor) -> Tensor:
        """(rows, longest, ...) to (tokens, ...)."""
        return x[self.rows, self.positions]


# A padded batch has a mask, (batch, length) bool, True where there is no token, or None where there is none.
Layout = Packed | Tensor | None
