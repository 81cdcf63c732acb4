"""Attributions sum up to what the text changes, however they are computed, and are exact where that can be known."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sweepformer.inference.explanation import tracing
from sweepformer.inference.explanation.attributions import CLOSE_ENOUGH, STEPS, attribute, log_odds, logit
from sweepformer.inference.explanation.tracing import NetworkPath
from sweepformer.models.bag_of_ngrams import HASH, BagOfNgrams
from sweepformer.models.transformer import Transformer

IDS = torch.tensor([5, 3, 3, 8, 1, 2])
WHOLE = torch.arange(len(IDS))[None]
OTHER = 9  # what the text is compared with
KINDS = [
    {},
    {"positional_encoding": "rotary"},
    {"positional_encoding": "learned", "pooling": "cls"},
    {"pooling": "max", "activation": "relu", "norm_first": False},
    {"pooling": "attention", "activation": "swiglu", "classifier_dim": 8},
]


def path_of(model: nn.Module, positions: Tensor = WHOLE, drawn: Tensor = IDS > 0) -> NetworkPath:
    model = model.eval().requires_grad_(False)
    others = torch.tensor([OTHER])
    return NetworkPath(model, IDS, drawn, others, positions, None, torch.device("cpu"))


def transformer(**options: object) -> Transformer:
    torch.manual_seed(0)
    model = Transformer(vocab_size=10, num_classes=3, embedding_dim=16, num_heads=2, dim_feedforward=32, **options)  # type: ignore[arg-type]
    nn.init.normal_(model.head.layers[-1].weight)  # type: ignore[index]  # as if it had learned to be sure
    return model


@pytest.mark.parametrize("options", KINDS, ids=lambda options: "-".join(map(str, options.values())) or "default")
def test_they_sum_up_to_the_difference_that_the_text_makes(options: dict[str, object]) -> None:
    model = transformer(**options)
    found = attribute(path_of(model), log_odds(1, temperature=1.3))
    text, other = (model(ids) / 1.3 for ids in (IDS[None], torch.full((1, 6), OTHER)))
    for said, expected in ((text, found.after), (other, found.before)):
        share = said.softmax(1)[0, 1].item()
        assert expected == pytest.approx(np.log(share / (1 - share)), abs=1e-4)
    assert found.missing <= CLOSE_ENOUGH
    assert found.values.sum() == pytest.approx(found.after - found.before, rel=0.05, abs=0.05)
    assert np.abs(found.values).min() > 0


def test_of_a_sum_of_vectors_they_are_exact() -> None:
    torch.manual_seed(0)
    model = BagOfNgrams(vocab_size=10, num_classes=2, embedding_dim=4, ngram_order=1, buckets=1)
    found = attribute(path_of(model), logit(1))
    expected = (model.tokens.weight[IDS] - model.tokens.weight[OTHER]) @ model.head.weight[1] / len(IDS)
    np.testing.assert_allclose(found.values, expected, atol=1e-6)


def test_what_an_ngram_adds_is_shared_by_its_tokens() -> None:
    model = BagOfNgrams(vocab_size=10, num_classes=2, embedding_dim=4, ngram_order=3, buckets=100_000)
    for embedding in (model.tokens, model.ngrams):
        nn.init.zeros_(embedding.weight)
    with torch.no_grad():
        model.ngrams.weight[((3 * HASH + 8) % 100_000 * HASH + 1) % 100_000] = 1  # of the tokens 3, 8 and 1
    found = attribute(path_of(model), logit(0))
    third = model.head.weight[0].sum().item() / (6 + 5 + 4) / 3
    np.testing.assert_allclose(found.values, [0, 0, third, third, third, 0], atol=1e-6)


@pytest.mark.parametrize("tokens_at_once", [40, 70])
def test_how_much_is_computed_at_a_time_changes_nothing(monkeypatch: pytest.MonkeyPatch, tokens_at_once: int) -> None:
    windows = torch.tensor([[0, 1, 2, 3], [2, 3, 4, 5]])
    measure = log_odds(0, temperature=1.0)
    at_once = attribute(path_of(transformer(), windows), measure)
    monkeypatch.setattr(tracing, "TOKENS_AT_ONCE", tokens_at_once)
    in_parts = attribute(path_of(transformer(), windows), measure)
    np.testing.assert_allclose(in_parts.values, at_once.values, atol=1e-5)


def test_tokens_that_are_not_read_get_nothing_and_windows_are_averaged() -> None:
    model, windows = transformer(), torch.tensor([[0, 1], [1, 2]])
    found = attribute(path_of(model, windows), logit(2))
    assert found.after == pytest.approx(model(IDS[windows]).mean(0)[2].item(), abs=1e-5)
    assert found.missing <= CLOSE_ENOUGH
    assert (found.values[3:] == 0).all()
    alone = [attribute(path_of(model, window[None]), logit(2)).values for window in windows]
    np.testing.assert_allclose(found.values, sum(alone) / 2, atol=5e-2)


def test_what_separates_texts_stays_where_it_is() -> None:
    model = transformer(separator_id=8)
    found = attribute(path_of(model, drawn=IDS != 8), logit(0))
    other = torch.where(IDS == 8, IDS, OTHER)[None]
    assert found.before == pytest.approx(model(other)[0, 0].item(), abs=1e-5)
    assert found.values[3] == 0
    assert found.missing <= CLOSE_ENOUGH


def test_what_stays_inexact_is_told() -> None:
    class Leaps(nn.Module):
        """Its answer leaps where no step of the integral sees it."""

        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(10, 1)
            nn.init.ones_(self.tokens.weight[:OTHER])
            nn.init.zeros_(self.tokens.weight[OTHER:])
            self.token_vectors = [(self.tokens, (1,))]

        def forward(self, token_ids: Tensor, layout: Tensor | None = None) -> Tensor:
            total = self.tokens(token_ids).sum((1, 2))
            return torch.stack([(total > 3.0) + 0.01 * total, total * 0], dim=1)

    found = attribute(path_of(Leaps()), logit(0))
    assert found.steps == STEPS[-1]
    assert found.missing > 0.5
