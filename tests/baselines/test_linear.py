"""Linear models and the majority for labels of every kind: they learn, and answer as a model would."""

import numpy as np
import pytest
from scipy.special import expit

from sweepformer.baselines.baseline import Baseline
from sweepformer.baselines.majority import Majority
from sweepformer.baselines.tfidf import TfIdf
from sweepformer.data.texts import join_pair

WORDS = np.array(["red", "green", "blue"])


def rows(labelled: str, count: int, seed: int) -> tuple[list[str], np.ndarray]:
    random = np.random.default_rng(seed)
    has = random.random((count, 3)) < 0.4
    texts = [f"a thing {number % 17} {' '.join(WORDS[one])}" for number, one in enumerate(has)]
    if labelled == "number":
        return texts, (500 + 7 * has.sum(1)).astype(np.float32)
    return texts, has


def test_each_label_is_learned_and_its_probability_is_honest() -> None:
    baseline = TfIdf()
    texts, labels = rows("classes", 400, 0)
    noise = np.random.default_rng(5).random(labels.shape) < 0.2
    baseline.fit(texts, labels ^ noise, *rows("classes", 100, 1))
    unseen, truth = rows("classes", 300, 2)
    probabilities = expit(baseline.logits(unseen))
    assert probabilities.shape == (300, 3)
    assert ((probabilities > 0.5) == truth).mean() > 0.95


def test_numbers_are_answered_in_standard_deviations() -> None:
    baseline = TfIdf()
    texts, labels = rows("number", 300, 0)
    baseline.fit(texts, labels, *rows("number", 60, 1))
    unseen, truth = rows("number", 60, 2)
    answers = baseline.logits(unseen)
    assert answers.shape == (60, 1)
    np.testing.assert_allclose(answers[:, 0] * labels.std() + labels.mean(), truth, atol=2)


def test_labels_that_all_rows_or_no_validation_rows_have_are_no_trouble() -> None:
    texts, labels = rows("classes", 100, 0)
    labels[:, 2] = True
    baseline = TfIdf()
    baseline.fit(texts, labels, texts[:9], np.zeros((9, 3), dtype=bool))
    assert (baseline.logits(texts)[:, 2] > 0).all()


@pytest.mark.parametrize("labelled", ["classes", "number"])
@pytest.mark.parametrize("make", [TfIdf, Majority])
def test_what_was_learned_is_plain_arrays(make: type[Baseline], labelled: str) -> None:
    baseline, again = make(), make()
    texts, labels = rows(labelled, 100, 0)
    baseline.fit(texts, labels, texts, labels)
    again.load_state(baseline.state())
    np.testing.assert_array_equal(again.logits(texts), baseline.logits(texts))


def test_the_majority_knows_shares_and_means() -> None:
    majority = Majority()
    majority.fit([], np.array([[True, False], [True, True]]), [], np.array([]))
    assert expit(majority.logits(["any"]))[0].tolist() == pytest.approx([1, 0.5], abs=1e-5)
    majority.fit([], np.array([1, 3, 8], dtype=np.float32), [], np.array([]))
    assert majority.logits(["any"]).tolist() == [[0.0]]
    assert float(majority.state()["mean"]) == 4


@pytest.mark.parametrize("joint", [" ", ""])
def test_pairs_are_told_apart_and_compared(joint: str) -> None:
    def pairs(count: int, seed: int) -> tuple[list[str], np.ndarray]:
        random = np.random.default_rng(seed)
        first, second = random.integers(3, size=(2, count))
        sides = zip(WORDS[first], WORDS[second], strict=True)
        texts = [join_pair(f"a{joint}{one}", f"{two}{joint}thing") for one, two in sides]
        # Neither text alone nor both in a bag tell the first from the third.
        return texts, np.where(first == second, 0, np.where(first < second, 1, 2))

    baseline, (unseen, truth) = TfIdf(), pairs(100, 2)
    baseline.fit(*pairs(300, 0), *pairs(60, 1))
    assert (baseline.logits(unseen).argmax(1) == truth).mean() > 0.95
    again = TfIdf()
    again.load_state(baseline.state())
    np.testing.assert_array_equal(again.logits(unseen), baseline.logits(unseen))
