"""The classifier: rows are labelled alone, and all of it learns."""

import itertools
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from sweepformer.models.bag_of_ngrams import BagOfNgrams
from sweepformer.models.shape import POOLINGS, POSITIONAL_ENCODINGS
from sweepformer.models.transformer import Mixing, Transformer

VARIANTS = list(itertools.product(POOLINGS, POSITIONAL_ENCODINGS, [False, True]))


def make(**changes: Any) -> Transformer:
    small = {
        "vocab_size": 30,
        "num_classes": 5,
        "embedding_dim": 16,
        "num_heads": 2,
        "dim_feedforward": 32,
        "max_length": 12,
    }
    return Transformer(**(small | changes))


@pytest.mark.parametrize(("pooling", "positions", "norm_first"), VARIANTS)
def test_a_row_does_not_depend_on_its_batch(pooling: str, positions: str, norm_first: bool) -> None:
    torch.manual_seed(0)
    model = make(pooling=pooling, positional_encoding=positions, norm_first=norm_first).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
        lengths = [12, 7, 1, 4]
        rows = [torch.randint(1, 30, (length,)) for length in lengths]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        padding = torch.arange(12) >= torch.tensor(lengths)[:, None]
        alone = torch.cat([model(row[None]) for row in rows])
        torch.testing.assert_close(model(ids, padding), alone, atol=1e-5, rtol=0)
        # Nor on what stands in the padding.
        torch.testing.assert_close(model(ids.where(~padding, 9), padding), alone, atol=1e-5, rtol=0)
    assert alone.std(dim=0).min() > 1e-3


@pytest.mark.parametrize(("pooling", "positions", "norm_first"), VARIANTS)
@pytest.mark.parametrize("activation", ["relu", "gelu", "swiglu"])
def test_the_gradient_reaches_every_parameter(pooling: str, positions: str, norm_first: bool, activation: str) -> None:
    torch.manual_seed(0)
    model = make(
        pooling=pooling,
        positional_encoding=positions,
        norm_first=norm_first,
        activation=activation,
        classifier_dim=8,
    )
    ids = torch.randint(1, 30, (4, 9))
    F.cross_entropy(model(ids), torch.arange(4)).backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_learns_whether_a_token_is_there(pooling: str, norm_first: bool) -> None:
    torch.manual_seed(0)
    model = make(pooling=pooling, norm_first=norm_first, num_classes=2, dropout=0.0)
    ids = torch.randint(2, 30, (64, 8))
    labels = torch.arange(64) % 2
    ids[labels == 1, 3] = 1
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(60):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(ids), labels)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


def test_the_first_loss_is_that_of_a_guess() -> None:
    torch.manual_seed(0)
    logits = make(num_classes=10)(torch.randint(1, 30, (64, 12)))
    assert F.cross_entropy(logits, torch.arange(64) % 10).item() == pytest.approx(math.log(10), abs=0.05)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_max_length_is_of_tokens(pooling: str) -> None:
    model = make(pooling=pooling)
    assert model(torch.ones(2, 12, dtype=torch.long)).shape == (2, 5)
    with pytest.raises(ValueError, match="max_length=12"):
        model(torch.ones(2, 13, dtype=torch.long))


@pytest.mark.parametrize("option", ["activation", "positional_encoding", "pooling"])
def test_unknown_choices_are_refused(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option}='nonsense' is not one of"):
        make(**{option: "nonsense"})


def test_dropout_only_in_training() -> None:
    model, ids = make(), torch.randint(1, 30, (2, 12))
    assert not torch.equal(model(ids), model(ids))
    model.eval()
    assert torch.equal(model(ids), model(ids))


def test_a_state_dict_round_trip_keeps_the_logits() -> None:
    ids = torch.randint(1, 30, (2, 12))
    first, second = make(pooling="cls").eval(), make(pooling="cls").eval()
    assert not torch.equal(first(ids), second(ids))
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(ids), second(ids))


def test_training_flops_are_those_that_torch_counts() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    model = Transformer(vocab_size=50, num_classes=3, embedding_dim=32, num_heads=4, attention="math")
    tokens = torch.randint(1, 50, (4, 20))
    model.encoder.embedding.tokens.weight.requires_grad_()
    with FlopCounterMode(display=False) as counter:
        model(tokens).sum().backward()
    assert model.training_flops(80, 4 * 20**2) == pytest.approx(counter.get_total_flops(), rel=0.01)


@pytest.mark.parametrize("kind", [*POOLINGS, "bag of n-grams"])
def test_mixed_rows_lie_between_the_two(kind: str) -> None:
    """A linear head after mixed vectors gives mixed logits."""
    torch.manual_seed(0)
    bag = BagOfNgrams(vocab_size=30, num_classes=5)
    model = (bag if kind == "bag of n-grams" else make(pooling=kind)).eval()
    token_ids = torch.randint(1, 30, (3, 7))
    mixing = Mixing(torch.tensor([[1.0], [0.0], [0.25]]), torch.tensor([1, 2, 0]))
    plain = model(token_ids)
    expected = torch.stack([plain[0], plain[2], 0.25 * plain[2] + 0.75 * plain[0]])
    torch.testing.assert_close(model(token_ids, None, mixing=mixing), expected)
