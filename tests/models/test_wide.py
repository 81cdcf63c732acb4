"""The wide path has the features of TF-IDF, and sees rows alone."""

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import nn

from sweepformer.models.layout import Packed
from sweepformer.models.shape import WideShape
from sweepformer.models.transformer import Transformer
from sweepformer.models.wide import NOTHING, WidePath, present_name

ROWS = [[3, 4, 5, 3, 4], [5, 4, 3, 6], [7], [9, 8, 9]]
KNOWN = ROWS[:3]  # the last has tokens that no other has
VOCABULARY, CLASSES = 10, 3


def padded(rows: list[list[int]], filler: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = torch.tensor([len(row) for row in rows])
    token_ids = torch.full((len(rows), 6), filler)
    for number, row in enumerate(rows):
        token_ids[number, : len(row)] = torch.tensor(row)
    return token_ids, torch.arange(6) >= lengths[:, None]


def wide(ngram_order: int = 3, positions: bool = False) -> WidePath:
    """Knows the n-grams of KNOWN and gives them weights by chance."""
    torch.manual_seed(0)
    made = WidePath(VOCABULARY, CLASSES, WideShape(ngram_order=ngram_order, positions=positions))
    keys = made.ngrams(*padded(KNOWN)).unique()[1:]  # the first is NOTHING
    made.know(keys, torch.rand(len(keys)) + 1)
    made.answer_with(torch.randn(CLASSES, len(keys)), torch.randn(CLASSES))
    return made


@pytest.mark.parametrize("ngram_order", [1, 2, 3])
def test_features_are_those_of_tfidf(ngram_order: int) -> None:
    made = wide(ngram_order)
    words = [" ".join(map(str, row)) for row in ROWS]
    reference = TfidfVectorizer(ngram_range=(1, ngram_order), sublinear_tf=True, token_pattern=r"\d+").fit(words[:3])
    numbers = {term: key_of(made, [int(one) for one in term.split()]) for term in reference.get_feature_names_out()}
    order = np.argsort([numbers[term] for term in reference.get_feature_names_out()])
    assert sorted(numbers.values()) == made.keys[1:].tolist()
    made.know(made.keys[1:], torch.from_numpy(reference.idf_[order]))
    places, features = made.features(*padded(ROWS))
    table = torch.zeros(len(ROWS), len(made.keys)).scatter_add(1, places, features)
    expected = torch.from_numpy(reference.transform(words).toarray()[:, order]).float()
    torch.testing.assert_close(table[:, 1:], expected)
    assert not table[3].any()


def key_of(made: WidePath, tokens: list[int]) -> int:
    return int(made.ngrams(torch.tensor([tokens]), None)[0, len(tokens) - 1, -1])


@pytest.mark.parametrize("positions", [False, True])
def test_padding_and_packing_change_nothing(positions: bool) -> None:
    made = wide(positions=positions)
    alone = torch.cat([made(torch.tensor([row])) for row in ROWS])
    assert alone[:3].std(0).min() > 0.1
    for filler in (0, 4):
        torch.testing.assert_close(made(*padded(ROWS, filler)), alone)
    packed = Packed.of(torch.tensor([len(row) for row in ROWS]))
    torch.testing.assert_close(made(torch.tensor([token for row in ROWS for token in row]), packed), alone)


def test_rows_of_unknown_ngrams_score_the_bias() -> None:
    made = wide()
    torch.testing.assert_close(made(torch.tensor([ROWS[3]]))[0], made.bias)


def test_places_are_told_apart_only_if_asked_for() -> None:
    there, back = torch.tensor([[3, 4, 5]]), torch.tensor([[5, 4, 3]])
    torch.testing.assert_close(wide(1)(there), wide(1)(back))
    assert not torch.allclose(wide(1, positions=True)(there), wide(1, positions=True)(back))
    assert not torch.allclose(wide(2)(there), wide(2)(back))


def test_ngrams_of_other_lengths_never_share_a_key() -> None:
    made = WidePath(4, 2, WideShape(ngram_order=3))
    rows = torch.cartesian_prod(*[torch.arange(4)] * 3)
    assert len(made.ngrams(rows, None).unique()) == 4 + 16 + 64 + 1  # and NOTHING
    assert int(made.ngrams(rows, None).min()) == NOTHING


def test_more_ngrams_than_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="with 16000 tokens, at most 4"):
        WidePath(16_000, 2, WideShape(ngram_order=5))


def test_graphs_count_as_the_model_does(monkeypatch: pytest.MonkeyPatch) -> None:
    made = wide()
    before = made(*padded(ROWS))
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    torch.testing.assert_close(made(*padded(ROWS)), before)


def test_a_state_brings_its_own_number_of_ngrams() -> None:
    made = wide()
    fresh = WidePath(VOCABULARY, CLASSES, WideShape(ngram_order=3))
    fresh.load_state_dict(made.state_dict())
    torch.testing.assert_close(fresh(*padded(ROWS)), made(*padded(ROWS)))
    with pytest.raises(RuntimeError, match="size mismatch"):
        WidePath(VOCABULARY, CLASSES + 1, WideShape(ngram_order=3)).load_state_dict(made.state_dict())


@pytest.mark.parametrize("prefix", ["", "model.wide."])
def test_a_state_of_earlier_versions_is_read(prefix: str) -> None:
    made = wide()
    made.ensemble_weights.copy_(torch.tensor([0.3, 2.0]))
    fresh: nn.Module = WidePath(VOCABULARY, CLASSES, WideShape(ngram_order=3))
    for part in reversed(prefix.split(".")[:-1]):
        fresh = nn.ModuleDict({part: fresh})
    names = {f"{prefix}{name}": value for name, value in made.state_dict().items()}
    former = {name.replace("ensemble_weights", "trust"): value for name, value in names.items()}
    fresh.load_state_dict(former)
    assert fresh.state_dict().keys() == names.keys()
    assert fresh.state_dict()[f"{prefix}ensemble_weights"].tolist() == pytest.approx([0.3, 2.0])
    assert {present_name(f"wide.{name}") for name in ("trust", "idf")} == {"wide.ensemble_weights", "wide.idf"}


def test_in_training_the_encoder_answers_alone() -> None:
    torch.manual_seed(0)
    model = Transformer(vocab_size=VOCABULARY, num_classes=CLASSES, dropout=0.0, classifier_dropout=0.0,
                        wide={"ngram_order": 3, "positions": False})  # fmt: skip
    model.wide = wide()
    batch = padded(ROWS)
    deep, beside = model.eval()(*batch, apart=True).chunk(2, dim=1)
    torch.testing.assert_close(model.train()(*batch), deep)
    torch.testing.assert_close(beside, model.wide(*batch))
    model.wide.ensemble_weights.copy_(torch.tensor([0.3, 2.0]))
    torch.testing.assert_close(model.eval()(*batch), 0.3 * deep + 2 * beside)
