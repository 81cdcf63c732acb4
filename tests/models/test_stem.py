"""The stem sees a token's neighbours, and those of its own row only."""

import pytest
import torch
import torch.nn.functional as F

from sweepformer.models.encoder import ConvolutionStem, Encoder
from sweepformer.models.layout import Packed
from sweepformer.models.shape import EncoderShape
from sweepformer.models.transformer import Transformer

LENGTHS = [5, 1, 3, 2]


@pytest.fixture
def stem() -> ConvolutionStem:
    torch.manual_seed(0)
    return ConvolutionStem(8, dropout=0.5).eval()


def rows() -> list[torch.Tensor]:
    return [torch.randn(length, 8) for length in LENGTHS]


def test_it_is_torchs_convolution(stem: ConvolutionStem) -> None:
    x = torch.randn(2, 7, 8)
    kernel = stem.mix.weight.unflatten(1, (3, 8)).transpose(1, 2)
    expected = x + F.gelu(F.conv1d(x.transpose(1, 2), kernel, stem.mix.bias, padding=1)).transpose(1, 2)
    torch.testing.assert_close(stem(x), expected)


def test_rows_of_a_batch_do_not_see_each_other(stem: ConvolutionStem) -> None:
    given = rows()
    alone = [stem(row[None])[0] for row in given]
    packed = stem(torch.cat(given), Packed.of(torch.tensor(LENGTHS)))
    torch.testing.assert_close(packed, torch.cat(alone))
    mask = torch.arange(6) >= torch.tensor(LENGTHS)[:, None]
    padded = torch.randn(4, 6, 8)  # whatever stands in the padding
    for number, row in enumerate(given):
        padded[number, : len(row)] = row
    torch.testing.assert_close(stem(padded, mask)[~mask], torch.cat(alone))


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_model_with_a_stem_reads_rows_alone_and_in_order(pooling: str) -> None:
    torch.manual_seed(0)
    model = Transformer(
        vocab_size=30, num_classes=3, num_layers=1, positional_encoding="none", stem="convolution", pooling=pooling
    ).eval()
    there, back = torch.tensor([[3, 4, 5, 6]]), torch.tensor([[6, 5, 4, 3]])
    assert not torch.allclose(model(there), model(back))
    longer = torch.tensor([[3, 4, 5, 6, 0, 0]])
    torch.testing.assert_close(model(longer, longer == 0), model(there))


def test_a_causal_encoder_does_not_see_the_next_token_through_it() -> None:
    torch.manual_seed(0)
    shape = EncoderShape(
        vocab_size=9, embedding_dim=8, num_heads=2, num_layers=1, dim_feedforward=8, dropout=0.0, attention_dropout=0.0,
        norm_first=True, activation="gelu", positional_encoding="none", max_length=4, stem="convolution",
    )  # fmt: skip
    encoder = Encoder(shape=shape)
    before, after = (encoder(torch.tensor([[1, 2, last]]), causal=True)[0] for last in (3, 4))
    torch.testing.assert_close(before[:2], after[:2])
    assert not torch.allclose(before[2], after[2])


def test_it_counts_as_work() -> None:
    def flops(stem: str) -> int:
        return Transformer(vocab_size=9, num_classes=2, embedding_dim=16, stem=stem).training_flops(10, 0)

    assert flops("convolution") - flops("none") == 6 * 10 * 3 * 16 * 16
