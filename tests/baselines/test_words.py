"""Baselines of tagging: words go by their own tags, new ones by what they look like."""

import numpy as np
import pytest

from sweepformer.baselines.baseline import Baseline
from sweepformer.baselines.majority import Majority, WordMajority
from sweepformer.baselines.word_features import WordFeatures, shape
from sweepformer.config.kinds import LabelKind
from sweepformer.data.texts import join_words

TEXTS = [join_words(text.split()) for text in ("the run ended", "they run", "a run", "walking ended", "talking ended")]
TAGS = np.array([0, 1, 2, 0, 2, 0, 1, 3, 2, 3, 2])  # run: 1 twice, 2 once


def test_a_word_has_its_most_frequent_tag_and_a_new_one_that_of_all() -> None:
    baseline = Majority().suited_to(LabelKind.TAGS)
    baseline.fit(TEXTS, TAGS, TEXTS, TAGS)
    logits = baseline.logits([join_words(["run", "talking", "Zebra"])])
    assert logits.argmax(1).tolist() == [1, 3, 2]
    assert np.exp(logits[0]) == pytest.approx([0, 2 / 3, 1 / 3, 0], abs=1e-3)


def test_a_new_word_is_known_by_its_ending() -> None:
    baseline = WordFeatures(buckets=2**12)
    baseline.fit(TEXTS, TAGS, TEXTS, TAGS)
    assert baseline.logits([join_words(["sulking", "ended"])]).argmax(1).tolist() == [3, 2]


@pytest.mark.parametrize("kind", [WordMajority, WordFeatures])
def test_what_was_learned_can_be_kept(kind: type[Baseline]) -> None:
    learned, again = kind(), kind()
    learned.fit(TEXTS, TAGS, TEXTS, TAGS)
    again.load_state(learned.state())
    logits = learned.logits(TEXTS)
    assert logits.shape == (11, 4)
    assert (again.logits(TEXTS) == logits).all()
    assert np.exp(logits).sum(1) == pytest.approx(1, abs=2e-3)


def test_a_shape_tells_letters_capitals_and_digits() -> None:
    assert [shape(word) for word in ("McDonald's", "42nd", "USA", "…", "")] == ["XxXx'x", "0x", "X", "…", ""]
