"""What a finished run says of its own answers, for every kind of task."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import COLOURS
from finished_runs import rows_of_test

from sweepformer import UserError, load
from sweepformer.inference.explanation.attributions import CLOSE_ENOUGH
from sweepformer.models.transformer import Transformer

Finished = Callable[[str], Path]
ROWS = ["class", "windows", "averaged", "bag", "tfidf", "sets", "tfidf_sets", "pairs"]


def log_odds(shares: np.ndarray) -> np.ndarray:
    return np.log(shares / (1 - shares))


@pytest.mark.parametrize("name", ROWS)
def test_words_sum_up_to_the_log_odds_of_what_is_predicted(finished: Finished, name: str) -> None:
    run = load(finished(name), device="cpu")
    texts = rows_of_test(name, finished(name))[0][:2]
    shares = run.predict_proba(texts).astype(float)
    for text, said, row in zip(texts, run.predict(texts), shares, strict=True):
        (one,) = run.explain([text])
        assert one.text == (text if isinstance(text, str) else "\n".join(text))
        assert one.prediction == said
        assert all(word.text == one.text[word.start : word.end] for word in one.words)
        wanted = said if isinstance(said, list) else [said]
        assert [reason.label for reason in one.reasons] == (wanted or [run.classes[int(row.argmax())]])
        for reason in one.reasons:
            share = row[run.classes.index(reason.label)]
            tolerance = 2e-2 if name == "averaged" else 1e-5  # what 16 bits are worth
            assert reason.probability == pytest.approx(share, abs=tolerance)
            assert reason.probability == pytest.approx(1 / (1 + np.exp(-reason.after)))
            assert reason.missing <= CLOSE_ENOUGH
            whole = reason.values.sum() + reason.elsewhere
            largest = np.abs(reason.values).sum()
            assert whole == pytest.approx(reason.after - reason.before, abs=CLOSE_ENOUGH * largest + 1e-6)


@pytest.mark.parametrize("name", ["class", "bag", "tfidf"])
def test_the_one_word_that_decides_is_found(finished: Finished, name: str) -> None:
    run = load(finished(name), device="cpu")
    texts, said = rows_of_test(name, finished(name))
    right = [text for text, row in zip(texts, said, strict=True) if row["prediction"] == row["label"]]
    assert len(right) >= 8
    for one in run.explain(right[:8]):
        (reason,) = one.reasons
        assert one.words[int(reason.values.argmax())].text == one.prediction


def test_a_word_speaks_against_other_classes(finished: Finished) -> None:
    run = load(finished("class"), device="cpu")
    text = "the apple number 3 near a house is red"
    for label in COLOURS:
        (one,) = run.explain([text], label=label)
        (reason,) = one.reasons
        assert reason.label == label
        assert (reason.values[-1] > 0) == (label == "red")


def test_numbers_are_explained_in_their_unit(finished: Finished) -> None:
    for name in ("numbers", "tfidf_numbers"):
        run = load(finished(name), device="cpu")
        (one,) = run.explain(["more house more cloud train stone 17"])
        (reason,) = one.reasons
        assert one.prediction == pytest.approx(run.predict([one.text])[0])
        assert reason.after == pytest.approx(one.prediction, abs=1e-3)
        assert (reason.label, reason.probability, one.probabilities) == ("", None, {})
        largest = np.argsort(-reason.values)[:2]
        assert {one.words[number].text for number in largest} == {"more"}
        assert reason.values[largest].sum() > 5  # each "more" is worth 10


def test_the_tag_of_one_word_is_explained(finished: Finished) -> None:
    run = load(finished("tags"), device="cpu")
    words = ["the", "apple", "Red", "Hill", "saw", "5"]
    (shares,) = run.predict_proba([words])
    for asked, place in ((2, 2), ("Hill", 3)):
        (one,) = run.explain([words], word=asked, label="B-COL")
        assert (one.word, [word.text for word in one.words]) == (place, words)
        assert one.prediction == run.predict([words])[0][place]
        share = float(shares[place, run.classes.index("B-COL")])
        assert one.reasons[0].after == pytest.approx(log_odds(np.float64(share)), abs=2e-3)
        assert one.reasons[0].missing <= CLOSE_ENOUGH
    (first,) = run.explain([words])
    assert first.word == next((number for number, tag in enumerate(run.predict([words])[0]) if tag != "O"), 0)


def test_what_is_said_of_a_text_does_not_depend_on_the_others(finished: Finished) -> None:
    run = load(finished("class"), device="cpu")
    texts = [*rows_of_test("class", finished("class"))[0][:4], "red"]
    together = run.explain(texts)
    for text, one in zip(texts, together, strict=True):
        np.testing.assert_array_equal(run.explain([text])[0].reasons[0].values, one.reasons[0].values)


def test_nothing_of_the_run_is_changed(finished: Finished) -> None:
    run = load(finished("half"), device="cpu")
    before = run.predict_proba(["the apple is red"])
    run.explain(["the apple is red"])
    np.testing.assert_array_equal(run.predict_proba(["the apple is red"]), before)


def test_what_is_too_long_is_marked(finished: Finished) -> None:
    run = load(finished("tail"), device="cpu")
    (one,) = run.explain(["the house is red near a train is blue"])
    assert [word.is_read for word in one.words] == [False] * 3 + [True] * 6
    assert (one.tokens, one.unread) == (9, 3)
    assert (one.reasons[0].values[:3] == 0).all()
    (whole,) = load(finished("windows"), device="cpu").explain(["the house is red near a train is blue"])
    assert all(word.is_read for word in whole.words)
    assert whole.unread == 0


def test_texts_of_nothing_that_the_tokenizer_knows_have_an_explanation(finished: Finished) -> None:
    run = load(finished("class"), device="cpu")
    for text in ("\u200b", "👍🏽", "?"):
        (one,) = run.explain([text])
        assert one.text == text
        assert np.isfinite(one.reasons[0].values).all()


@pytest.mark.parametrize(
    ("name", "texts", "options", "words"),
    [
        ("class", ["red"], {"label": "rde"}, ["label='rde'", "Did you mean red?", "blue, green, red"]),
        ("class", ["red"], {"word": 0}, ["word=0", "whole texts"]),
        ("class", ["red", ""], {}, ["row 2", "no text"]),
        ("numbers", ["more"], {"label": "more"}, ["answers with a number"]),
        ("tags", [["the", "apple"]], {"word": 2}, ["row 1", "the words 0 to 1"]),
        ("tags", [["the", "apple"]], {"word": "aple"}, ["row 1", "'aple' is not in the text", "apple?"]),
        ("tags", [["the"] * 9], {"word": 8}, ["word 8 ('the') is beyond what the model reads"]),
        ("next", ["red"], {}, ["language model"]),
        ("tagging_majority", [["the"]], {}, ["WordMajority", "model=tfidf"]),
    ],
)
def test_what_cannot_be_explained_is_refused(
    finished: Finished, name: str, texts: list[object], options: dict[str, object], words: list[str]
) -> None:
    with pytest.raises(UserError) as error:
        load(finished(name), device="cpu").explain(texts, **options)  # type: ignore[arg-type]
    assert all(word in str(error.value) for word in words), error.value


def test_a_model_that_names_no_token_vectors_is_refused(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    run = load(finished("class"), device="cpu")
    monkeypatch.delattr(Transformer, "token_vectors")
    with pytest.raises(UserError, match=r"model: Transformer doesn't say .* property token_vectors"):
        run.explain(["red"])
