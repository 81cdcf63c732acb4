"""Which columns are taken for text and label, and for what task."""

from typing import Any

import pytest

from sweepformer.analysis.look.columns import choose, profile
from sweepformer.errors import UserError

LONG = [f"a text with a few words, number {number}" for number in range(20)]
TWO = ["yes", "no"] * 10


@pytest.mark.parametrize(
    ("columns", "text", "label", "task"),
    [
        ({"id": [*range(20)], "text": LONG, "label": TWO}, "text", "label", "classification"),
        (
            {"Category": TWO, "url": [f"https://{one}/{one}" for one in LONG], "Body": LONG},
            "Body",
            "Category",
            "classification",
        ),
        ({"when": [f"at {n}" for n in range(20)], "said": LONG, "who": TWO}, "said", "who", "classification"),
        ({"1": TWO, "2": LONG}, "2", "1", "classification"),
        ({"doc.body": LONG, "meta.label": TWO}, "doc.body", "meta.label", "classification"),
        ({"text": LONG, "label": [[], ["a"]] * 10}, "text", "label", "multilabel"),
        ({"text": LONG, "toxic": ["0", "1"] * 10, "rude": ["1", "1"] * 10}, "text", ("toxic", "rude"), "multilabel"),
        ({"text": LONG, "label": ["a;b", "b;c", "a", "a;c"] * 5}, "text", "label", "multilabel"),
        ({"text": LONG, "label": ["Injury, poisoning", "Other"] * 10}, "text", "label", "classification"),
        ({"text": LONG, "score": [n / 7 for n in range(20)]}, "text", "score", "regression"),
        ({"review": LONG, "price": [f"{n}.5" for n in range(20)]}, "review", "price", "regression"),
        ({"text": LONG * 5, "label": [*range(100)]}, "text", "label", "classification"),
        ({"text": LONG * 5, "label": [n * 1000 for n in range(100)]}, "text", "label", "regression"),
        ({"tokens": [["a", "b"]] * 20, "ner_tags": [["O", "X"]] * 20}, "tokens", "ner_tags", "tagging"),
        ({"text": LONG}, "text", None, "masked_lm"),
        ({"text": LONG, "same": ["x"] * 20}, "text", None, "masked_lm"),
    ],
)
def test_columns_are_known_by_their_names_or_by_what_they_hold(
    columns: dict[str, list[Any]], text: str, label: str | tuple[str, ...] | None, task: str
) -> None:
    chosen = choose(columns)
    assert (chosen.text, chosen.label, chosen.task) == (text, label, task)


def test_two_texts_are_a_pair_and_words_a_row_have_a_sentence() -> None:
    assert choose({"premise": LONG, "hypothesis": LONG[::-1], "label": TWO}).pair == "hypothesis"
    chosen = choose({"Sentence #": [f"Sentence: {n}" for n in range(20)], "Word": LONG, "Tag": TWO})
    assert (chosen.text, chosen.label, chosen.sentence, chosen.task) == ("Word", "Tag", "Sentence #", "tagging")


def test_what_is_asked_for_is_taken() -> None:
    chosen = choose({"text": LONG, "title": LONG, "label": TWO, "kind": TWO}, "title", "kind")
    assert (chosen.text, chosen.label) == ("title", "kind")
    assert "as asked" in chosen.why[0]
    assert choose({"text": LONG, "a": [0, 1] * 10, "b": [1, 1] * 10}, None, "a,b").label == ("a", "b")


def test_why_is_told() -> None:
    why = "\n".join(choose({"said": LONG, "who": TWO, "where": TWO[::-1]}).why)
    assert "the longest strings" in why
    assert "2 distinct values that repeat; so have who" in why


@pytest.mark.parametrize(
    ("columns", "text", "label", "message"),
    [
        ({"text": LONG}, "txet", None, "--text-column txet.*Did you mean --text-column text"),
        ({"text": LONG, "label": TWO}, None, "lable", "--label-column lable.*Did you mean --label-column label"),
        ({"a": [*range(20)]}, None, None, "no column holds texts"),
    ],
)
def test_columns_that_are_not_there_are_told(
    columns: dict[str, list[Any]], text: str | None, label: str | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        choose(columns, text, label)


def test_a_profile_counts_what_some_rows_hold() -> None:
    one = profile("a", ["x", "x", "yy", "", None])
    assert (one.kind, one.distinct, one.filled, one.blank, one.examples) == ("text", 2, 3, 2, ["x", "yy"])
    assert profile("a", [[1, 2], [3]]).kind == "list"
    assert profile("a", ["1", 2.5]).kind == "number"
    assert profile("a", [None, " "]).kind == "blank"
