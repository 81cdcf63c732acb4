"""TF-IDF learns, tells honest probabilities, and is the same once it is saved and loaded."""

import math

import numpy as np
import pytest

from sweepformer.baselines.baseline import Baseline
from sweepformer.baselines.majority import Majority
from sweepformer.baselines.tfidf import TfIdf
from sweepformer.errors import UserError

WORDS = ["red", "green", "blue"]


def rows(count: int, seed: int, noise: float = 0.0, joint: str = " ") -> tuple[list[str], np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(3, size=count)
    shown = np.where(random.random(count) < noise, random.integers(3, size=count), labels)
    texts = [joint.join(["a", "thing", str(number % 17), WORDS[label]]) for number, label in enumerate(shown)]
    return texts, labels


@pytest.mark.parametrize("joint", [" ", "-", ""])
def test_it_learns_words_and_letters(joint: str) -> None:
    texts, labels = rows(200, 0, joint=joint)
    baseline = TfIdf()
    baseline.fit(texts, labels, *rows(60, 1, joint=joint))
    unseen, truth = rows(60, 2, joint=joint)
    assert (baseline.logits(unseen).argmax(1) == truth).all()
    assert baseline.vectorizer.analyzer == ("word" if joint == " " else "char")


def test_its_probabilities_know_how_often_it_errs() -> None:
    baseline = TfIdf()
    baseline.fit(*rows(600, 0, noise=0.6), *rows(300, 1, noise=0.6))
    texts, truth = rows(600, 2, noise=0.6)
    probabilities = np.exp(baseline.logits(texts))
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    accuracy = (probabilities.argmax(1) == truth).mean()
    assert probabilities.max(1).mean() == pytest.approx(accuracy, abs=0.06)


@pytest.mark.parametrize(("baseline", "again"), [(TfIdf(), TfIdf()), (Majority(), Majority())])
def test_what_was_learned_is_plain_arrays(baseline: Baseline, again: Baseline) -> None:
    texts, labels = rows(100, 0)
    keep = labels < 2  # of two classes the SVM has one score
    two = [text for text, kept in zip(texts, keep, strict=True) if kept], labels[keep]
    baseline.fit(*two, *two)
    again.load_state(baseline.state())
    np.testing.assert_array_equal(again.logits(texts), baseline.logits(texts))
    assert baseline.parameters > 0


def test_nothing_to_learn_from_is_told() -> None:
    with pytest.raises(UserError, match=r"model\.min_frequency=500"):
        TfIdf(min_frequency=500).fit(*rows(20, 0), *rows(20, 1))


@pytest.mark.parametrize("options", [{"c_grid": [math.nan]}, {"c_grid": []}, {"min_frequency": 0}])
def test_options_that_mean_nothing_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        TfIdf(**options)
