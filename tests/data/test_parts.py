"""A part of a batch is the batch that its rows would make by themselves."""

from typing import Any

import numpy as np
import pytest
import torch

from sweepformer.data.batches import Batch, BatchedRows, parts
from sweepformer.data.encoding import NO_TAG, further_piece
from sweepformer.data.store import TokenizedRows
from sweepformer.data.truncation import Truncation
from sweepformer.models.layout import Packed

LENGTHS = [3, 9, 1, 4, 17, 2, 8]


def rows(tagged: bool) -> TokenizedRows:
    offsets = np.concatenate([[0], np.cumsum(LENGTHS)])
    tokens = np.arange(1, offsets[-1] + 1)
    labels = np.arange(len(LENGTHS))
    if tagged:  # every third token goes on with a word
        labels = np.where(tokens % 3 == 0, further_piece(tokens % 5), tokens % 5)
        labels[offsets[:-1]] = 0
    names: Any = [str(number) for number in range(len(LENGTHS))]
    return TokenizedRows(tokens, offsets, labels, names, names, tagged)


@pytest.mark.parametrize("number", [2, 3, 7, 100])
@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize(
    ("tagged", "part"), [(False, "head"), (False, "windows"), (True, "head")], ids=["rows", "windows", "tags"]
)
def test_parts_are_the_batches_of_their_rows(number: int, packed: bool, tagged: bool, part: str) -> None:
    batched = BatchedRows(rows(tagged), Truncation(6, part), pad_id=0, packed=packed, always_masked=True)
    chosen = [4, 0, 6, 3, 1, 2, 5]
    whole = batched.__getitems__(chosen)
    found = parts(whole, number)
    assert len(found) == min(number, len(chosen))
    assert [row for one in found for row in one.rows.tolist()] == chosen
    for one in found:
        expected = batched.__getitems__(one.rows.tolist())
        assert described(one) == described(expected)
        if packed:
            assert one.layout.longest == expected.layout.longest  # type: ignore[union-attr]
        else:
            assert one.token_ids.shape[1] == whole.token_ids.shape[1], "as wide as the batch"


def described(batch: Batch) -> dict[str, Any]:
    """What is in a batch, however wide its padding is."""
    if isinstance(batch.layout, Packed):
        there = torch.ones_like(batch.token_ids, dtype=torch.bool)
        layout = [one.tolist() for one in (batch.layout.starts, batch.layout.positions, batch.layout.rows)]
    else:
        assert batch.layout is not None
        there = ~batch.layout
        layout = there.sum(1).tolist()
    found = {"tokens": batch.token_ids[there].tolist(), "layout": layout, "rows": batch.rows.tolist()}
    if batch.words is None:
        # One window a row in some part of a batch: it need not say so.
        windows = torch.arange(len(batch.rows)) if batch.windows is None else batch.windows
        return found | {"labels": batch.labels.tolist(), "windows": windows.tolist()}
    flat = torch.cat([batch.token_ids.flatten(), torch.tensor([-1])])  # what is cut off is the last
    words = [batch.words.tags.tolist(), batch.words.rows.tolist(), flat[batch.words.tokens].tolist()]
    assert (batch.labels[~there] == NO_TAG).all()
    return found | {"labels": batch.labels[there].tolist(), "words": words}
