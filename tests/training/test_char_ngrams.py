"""Character n-grams let words that are spelled alike learn together, and leave a model of words alone behind."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from sweepformer.baselines.linear import fit_linear
from sweepformer.training import wide_fit as module
from sweepformer.training.wide_fit import CharNgrams, char_ngrams

WORDS = ["redder", "reddest", "bluer", "bluest", "redden", "a word"]
ROWS = np.ones(len(WORDS), dtype=np.int64)


def scores_of_unseen(weight: float) -> np.ndarray:
    """Of "redden", where the words before it were learned from, of two classes in turn."""
    made = CharNgrams.of([*WORDS[:5], ""], weight, ROWS, 2)
    rows, labels = csr_matrix(np.eye(4, len(WORDS))), np.array([0, 0, 1, 1])
    table = made.beside(rows)
    learned = fit_linear(table, labels, table, labels, [1.0])
    return made.in_words(learned.weights)[:, 4]


def test_a_word_learns_from_those_that_are_spelled_like_it() -> None:
    red, blue = scores_of_unseen(1.0)
    assert red > blue + 0.1
    assert scores_of_unseen(0.0) == pytest.approx(0)


def test_scores_are_those_of_words_and_char_ngrams_together() -> None:
    made, random = CharNgrams.of([*WORDS[:5], ""], 0.7, ROWS, 3), np.random.default_rng(0)
    rows = csr_matrix(random.random((7, len(WORDS))))
    table = made.beside(rows)
    weights = random.normal(size=(3, table.shape[1]))
    assert table.shape[1] > len(WORDS)
    assert rows @ made.in_words(weights).T == pytest.approx(table @ weights.T)


@pytest.mark.parametrize("words", [[""] * 3, ["a", "b", "c"]])
def test_words_that_share_no_char_ngrams_stay_as_they_are(words: list[str]) -> None:
    made, rows = CharNgrams.of(words, 1.0, ROWS[:3], 2), csr_matrix(np.eye(3))
    weights = np.arange(6.0).reshape(2, 3)
    assert made.beside(rows).shape == (3, 3)
    assert made.in_words(weights).tolist() == weights.tolist()


def test_of_very_many_rows_or_classes_words_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CHAR_NGRAMS", 1000)
    monkeypatch.setattr(module, "MOST_CHAR_WORK", 1000)
    for rows, classes, there_are in ((1, 2, True), (1000, 2, False), (1, 1000, False)):
        assert (CharNgrams.of(WORDS, 1.0, rows * ROWS, classes).spelled.nnz > 0) == there_are


def test_some_ngrams_keep_their_char_ngrams() -> None:
    kind = np.array([True, False, True, True, False, True])
    made, rows = CharNgrams.of(WORDS, 1.0, ROWS, 2), np.eye(6)
    some = made.those(kind).beside(csr_matrix(rows[:, kind])).toarray()
    assert some[:, 4:] == pytest.approx(made.beside(csr_matrix(rows * kind)).toarray()[:, 6:])


def test_what_is_longer_than_words_has_no_char_ngrams() -> None:
    assert char_ngrams("a" * 41) == []


def test_the_ends_of_words_count() -> None:
    assert char_ngrams("ab") == ["<a", "ab", "b>", "<ab", "ab>", "<ab>"]
    assert char_ngrams("") == []
