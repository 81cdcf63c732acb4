"""What must hold of every split, whatever the rows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweepformer.config.kinds import LabelKind
from sweepformer.data.label_kinds import LABELLINGS
from sweepformer.data.labels import LabelLists, Unlabelled
from sweepformer.data.rows import RawSplits, Rows
from sweepformer.data.splits import Policy, make_splits
from sweepformer.data.texts import join_words
from sweepformer.errors import UserError


def rows(pairs: list[tuple[str, str]], groups: list[str] | None = None) -> Rows:
    texts, labels = [text for text, _ in pairs], [label for _, label in pairs]
    return Rows(texts, labels, [str(n) for n in range(len(pairs))], groups, "rows.csv")


def many(count: int, classes: int = 2) -> list[tuple[str, str]]:
    return [(f"text {n}", str(n % classes)) for n in range(count)]


@settings(max_examples=40)
@given(st.integers(40, 300), st.integers(2, 5), st.integers(0, 99), st.integers(0, 20))
def test_cuts(count: int, classes: int, seed: int, repeated: int) -> None:
    pairs = many(count, classes)
    raw = RawSplits(rows(pairs + pairs[:repeated]))
    splits, report = make_splits(raw, 0.2, 0.2, seed)
    parts = [splits.train, splits.val, splits.test]
    assert sorted(text for part in parts for text in part.texts) == sorted(text for text, _ in pairs)
    assert all(set(part.labels.names) == set(splits.classes) for part in parts)
    assert report.duplicates_dropped == repeated
    assert all(abs(len(part) - 0.2 * count) <= classes for part in parts[1:])
    again = make_splits(raw, 0.2, 0.2, seed)[0]
    assert [part.ids for part in parts] == [part.ids for part in (again.train, again.val, again.test)]


@settings(max_examples=20)
@given(st.integers(0, 99))
def test_groups_stay_together(seed: int) -> None:
    raw = RawSplits(rows(many(200), [str(n // 4) for n in range(200)]))
    splits, _ = make_splits(raw, 0.2, 0.2, seed)
    train, val, test = (set(part.groups or []) for part in (splits.train, splits.val, splits.test))
    assert len(train | val | test) == len(train) + len(val) + len(test)


def test_given_splits_keep_their_texts_and_conflicts_the_first_label() -> None:
    pairs = many(20)
    raw = RawSplits(rows([*pairs, ("text 9", "0")]), rows(pairs[:4]), rows(pairs[2:6]))
    splits, report = make_splits(raw, 0.1, 0.1, 0, policy=Policy(drop_duplicates="all"))
    assert splits.test.texts == [text for text, _ in pairs[2:6]]
    assert splits.val.texts == ["text 0", "text 1"]
    assert len(splits.train) == 14
    assert (report.duplicates_dropped, report.conflicts_dropped) == (8, 1)
    assert "dropped" in report.lines()[1]


def test_given_splits_are_used_as_given_and_what_they_share_with_train_is_told() -> None:
    pairs = many(20)
    raw = RawSplits(rows([*pairs, ("text 9", "0")]), rows(pairs[:4]), rows([*pairs[2:6], pairs[2]]))
    splits, report = make_splits(raw)
    assert list(splits.test.texts) == [*(text for text, _ in pairs[2:6]), "text 2"]
    assert list(splits.val.texts) == [text for text, _ in pairs[:4]]
    assert (len(splits.train), report.duplicates_dropped, report.conflicts_dropped) == (20, 0, 1)
    assert [warning.partition(" have a text")[0] for warning in report.warnings] == [
        "4 of the 4 rows of the given validation split",
        "5 of the 5 rows of the given test split",
    ]
    splits, report = make_splits(raw, policy=Policy(drop_duplicates="none"))
    assert (len(splits.train), len(splits.test), report.duplicates_dropped) == (21, 5, 0)
    assert "1 rows of train repeat a text" in report.warnings[-1]


def test_rare_classes_are_told_at_once_and_may_stay_in_train_or_be_dropped() -> None:
    raw = RawSplits(rows([*many(40), ("a", "x"), ("b", "y"), ("c", "y"), ("b", "y")]))
    with pytest.raises(UserError, match=r"2 of 4 classes .* 'x' \(1\), 'y' \(2, 3 with repeats\)"):
        make_splits(raw)
    splits, report = make_splits(raw, policy=Policy(rare_classes="train"))
    assert {"x", "y"} <= set(splits.train.labels.names)
    assert any("'x' (1)" in warning for warning in report.warnings)
    splits, report = make_splits(raw, policy=Policy(rare_classes="drop"))
    assert (splits.classes, sum(report.rows.values())) == (["0", "1"], 40)
    assert any("these 3 rows are left out" in warning for warning in report.warnings)


def test_labels_that_differ_by_case_or_spaces_are_told() -> None:
    _, report = make_splits(RawSplits(rows([*many(20), *((f"a {n}", ["Red", "red"][n % 2]) for n in range(20))])))
    assert report.warnings == ["1 labels stand there in several cases, which are different classes: 'Red' and 'red'"]
    labelling = LABELLINGS[LabelKind.CLASS]("label")
    assert [labelling.read(value, f"row {n}") for n, value in enumerate(["a", " a", "a\t"])] == ["a", "a", "a"]
    labelling.finish()
    assert labelling.notes == ["row 1: spaces around a label don't count; so in 2 rows"]


def test_labels_that_train_lacks_come_last_and_count_as_wrong_or_are_refused() -> None:
    raw = RawSplits(rows(many(20)), None, rows([("a", "-new"), ("b", "0"), ("c", "-new")]))
    splits, report = make_splits(raw)
    assert splits.classes == ["0", "1", "-new"]
    assert any("1 labels" in warning and "in 2 of its 3 rows: '-new'" in warning for warning in report.warnings)
    with pytest.raises(UserError, match=r"row 0: 1 labels of the test split .*data\.unseen_labels=count"):
        make_splits(raw, policy=Policy(unseen_labels="refuse"))


def test_what_a_given_test_split_loses_is_told() -> None:
    pairs = many(20)
    raw = RawSplits(rows([*pairs, pairs[5]]), test=rows([pairs[2], ("a", "0"), ("a", "1"), ("a", "0")]))
    splits, report = make_splits(raw, 0.1, 0.1, 0, policy=Policy(drop_duplicates="all"))
    assert list(splits.test.texts) == ["text 2", "a"]
    (line,) = (line for line in report.lines() if line.startswith("dropped"))
    assert line.endswith("; 2 of them in the given test split")
    _, report = make_splits(RawSplits(rows([*pairs, pairs[5]])), 0.1, 0.1, 0)
    assert "test split" not in report.lines()[-1]


def test_shared_groups_and_absent_classes_are_told() -> None:
    train = rows(many(20), [str(n) for n in range(20)])
    _, report = make_splits(RawSplits(train, rows([("a", "0")], ["3"]), rows([("b", "0"), ("c", "1")], ["x", "y"])))
    assert report.warnings == [
        "1 classes have no row in validation, '1' for one",
        "1 groups are in train and in validation, '3' for one",
    ]


def test_classes_sort_by_value() -> None:
    assert make_splits(RawSplits(rows(many(110, 11))), 0.2, 0.2, 0)[0].classes == [str(n) for n in range(11)]


@pytest.mark.parametrize(
    ("raw", "fractions", "words"),
    [
        (RawSplits(rows(many(9, 1))), (0.1, 0.1), ["two", "'0'", "rows.csv"]),
        (
            RawSplits(rows([("same", "a"), ("same", "b")])),
            (0.1, 0.1),
            ["only one class", "(1 of texts that stand there"],
        ),
        (RawSplits(rows([*many(20), ("a", "rare")])), (0.1, 0.1), ["'rare'", "1"]),
        (RawSplits(rows(many(20))), (0.0, 0.1), ["data.val_fraction=0.0"]),
        (RawSplits(rows(many(20))), (0.1, -1.0), ["data.test_fraction=-1.0"]),
        (RawSplits(rows(many(20))), (0.5, 0.5), ["data.val_fraction", "data.test_fraction"]),
        (RawSplits(rows(many(20), ["a", "b"] * 10)), (0.1, 0.1), ["2 groups", "data.group_column"]),
        (RawSplits(rows(many(40), [str(n % 2) for n in range(40)])), (0.4, 0.4), ["all rows of class", "groups"]),
    ],
)
def test_mistakes_are_named(raw: RawSplits, fractions: tuple[float, float], words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        make_splits(raw, *fractions, seed=0)
    for word in words:
        assert word in str(caught.value)


def test_texts_alone_are_cut_as_the_labelled_rows_are() -> None:
    raw = RawSplits(rows(many(200)))
    labelled, _ = make_splits(raw, 0.1, 0.2, 3)
    texts, _ = make_splits(RawSplits(rows(many(200))), 0.1, 0.2, 3, labelled="nothing", stratify_by="class")
    for split in ("train", "val", "test"):
        assert list(getattr(texts, split).ids) == list(getattr(labelled, split).ids)
        assert isinstance(getattr(texts, split).labels, Unlabelled)
    assert texts.classes == []


def test_unlabelled_texts_that_stand_in_a_split_are_left_out() -> None:
    train, test = rows(many(40)), rows([("only in test", "0"), ("also in test", "1")])
    known = [train.texts[0], "only in test", "new", "new"]
    raw = RawSplits(train, test=test, unlabelled=Rows(known, None, ["a", "b", "c", "d"]))
    splits, report = make_splits(raw, 0.1, 0.1, 0, labelled="nothing", stratify_by="class")
    assert report.unlabelled == 1
    assert (report.duplicates_dropped, report.conflicts_dropped) == (3, 0)
    assert splits.train.texts[-1] == "new"
    assert not {"only in test", "also in test"} & set(splits.train.texts)


@pytest.mark.parametrize(
    ("tags", "meaning", "warned"),
    [
        (["O", "B-X", "I-X"], "of spans (BIO)", []),
        (["NOUN", "VERB", "DET"], "mean over tags", []),
        (["B-X", "I-X", "BX"], "mean over tags", ["tags.conll, row", "'BX'", "not of spans"]),
    ],
)
def test_what_f1_is_of_is_told(tags: list[str], meaning: str, warned: list[str]) -> None:
    texts = [join_words(["a", "b", str(number)]) for number in range(20)]
    raw = RawSplits(Rows(texts, LabelLists.of([tags] * 20), [str(number) for number in range(20)], origin="tags.conll"))
    _, report = make_splits(raw, 0.1, 0.1, 0, labelled="tags")
    assert f"val_f1 and test_f1: {meaning}" in report.lines()
    assert len(report.warnings) == bool(warned)
    assert all(word in report.warnings[0] for word in warned)


def test_words_that_were_tagged_are_a_text_again() -> None:
    texts = [join_words(["word", str(number)]) for number in range(20)]
    raw = RawSplits(Rows(texts, LabelLists.of([["A", "B"]] * 20), [str(number) for number in range(20)]))
    splits, _ = make_splits(raw, 0.1, 0.1, 0, labelled="nothing", stratify_by="tags")
    assert all(text.startswith("word ") for text in splits.train.texts)
