"""Which token of a batch answers for which word of its rows."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sweepformer.data.store import TokenizedRows


class Words(NamedTuple):
    """All words of a batch's rows, in order; each (words,) int64.

    tags: their true tags; rows: the place of their row in the batch; tokens: the place of their first token in the
    flattened token ids, -1 if it was cut off with the end of a long row.
    """

    tags: Tensor
    rows: Tensor
    tokens: Tensor


def words_of(rows: TokenizedRows, chosen: np.ndarray, positions: np.ndarray, padding: np.ndarray | None) -> Words:
    """The words of some rows.

    Args:
        rows: the split, tagged.
        chosen: (batch,) the rows' numbers.
        positions: int64, shaped as the batch's token ids: the place of each token in `rows.tokens`.
        padding: True where there is none; None: nowhere.
    """
    lengths = rows.lengths[chosen]
    begins = np.cumsum(lengths) - lengths
    of_row = np.repeat(np.arange(len(chosen)), lengths)
    places = np.arange(lengths.sum()) + (rows.offsets[chosen] - begins)[of_row]
    tags = rows.labels[places].astype(np.int64)
    first = tags >= 0
    columns = tags[first], of_row[first], _found(places[first], positions, padding)
    return Words(*map(torch.from_numpy, columns))


def _found(places: np.ndarray, positions: np.ndarray, padding: np.ndarray | None) -> np.ndarray:
    """Where in the flattened `positions` each place stands, -1 if nowhere."""
    read = np.arange(positions.size) if padding is None else np.flatnonzero(~padding)
    read = read[np.argsort(positions.ravel()[read], kind="stable")]
    ascending = positions.ravel()[read]
    nearest = np.minimum(np.searchsorted(ascending, places), len(ascending) - 1)
    return np.where(ascending[nearest] == places, read[nearest], -1)
