"""Bags of n-grams see tokens and neighbours, and no padding."""

import pytest
import torch

from sweepformer.models.bag_of_ngrams import BagOfNgrams
from sweepformer.models.layout import Packed

ROWS = [[3, 4, 5], [5, 4, 3, 6], [7]]


def model(ngram_order: int = 2) -> BagOfNgrams:
    torch.manual_seed(0)
    return BagOfNgrams(vocab_size=10, num_classes=3, embedding_dim=8, ngram_order=ngram_order, buckets=50).eval()


def padded(rows: list[list[int]], filler: int) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = torch.tensor([len(row) for row in rows])
    token_ids = torch.full((len(rows), 6), filler)
    for number, row in enumerate(rows):
        token_ids[number, : len(row)] = torch.tensor(row)
    return token_ids, torch.arange(6) >= lengths[:, None]


def test_padding_and_packing_change_nothing() -> None:
    net = model(ngram_order=3)
    alone = torch.cat([net(torch.tensor([row])) for row in ROWS])
    for filler in (0, 9):
        torch.testing.assert_close(net(*padded(ROWS, filler)), alone)
    packed = net(
        torch.tensor([token for row in ROWS for token in row]), Packed.of(torch.tensor([len(row) for row in ROWS]))
    )
    torch.testing.assert_close(packed, alone)


def test_order_counts_only_with_ngrams() -> None:
    there, back = torch.tensor([[3, 4, 5]]), torch.tensor([[5, 4, 3]])
    torch.testing.assert_close(model(1)(there), model(1)(back))
    assert not torch.allclose(model(2)(there), model(2)(back))


@pytest.mark.parametrize("size", ["embedding_dim", "ngram_order", "buckets"])
@pytest.mark.parametrize("value", [0, -1, 10**12])
def test_sizes_out_of_range_are_refused(size: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{size}={value} must be at least 1"):
        BagOfNgrams(vocab_size=10, num_classes=2, **{size: value})
