"""Labels of every kind can be selected, told apart, spread over splits and made into arrays."""

from pathlib import Path

import numpy as np
import pytest

from sweepformer.data.corpus import prepare
from sweepformer.data.labels import Classes, LabelLists, Numbers, Unlabelled, labels_of
from sweepformer.data.rows import RawSplits, Rows
from sweepformer.data.splits import make_splits
from sweepformer.errors import UserError

LISTS = [["a", "b"], [], ["b"], ["a", "c"], ["b"]]


def test_lists_keep_their_rows_when_selected() -> None:
    chosen = LabelLists.of(LISTS).select(np.array([3, 1, 0]))
    assert chosen.lengths.tolist() == [2, 0, 2]
    assert chosen.names == ["a", "b", "c"]
    assert chosen.array(["a", "b", "c"]).tolist() == [[True, False, True], [False] * 3, [True, True, False]]
    assert chosen.rows_named("b").tolist() == [False, False, True]


def test_rows_labelled_alike_have_one_identity() -> None:
    lists = LabelLists.of(LISTS).identities()
    assert lists[2] == lists[4]
    assert len(set(lists.tolist())) == 4
    assert len(set(Numbers(np.array([1.5, 1.5, 2.0])).identities().tolist())) == 2
    # The same class has another number where other classes occur.
    assert labels_of(["x", "y"], 2).identities()[1] == labels_of(["y"], 1).identities()[0]


def test_lists_are_spread_by_their_rarest_label() -> None:
    strata = LabelLists.of(LISTS).strata()
    assert strata[2] == strata[4]
    assert len(set(strata.tolist())) == 4  # a (two rows, one of them with the rarer c), b, c and none at all


def test_a_columns_kind_is_told_by_what_it_holds() -> None:
    kinds = [type(labels_of(given, 2)) for given in (["a", "b"], [1.0, 2.0], [["a"], []], None)]
    assert kinds == [Classes, Numbers, LabelLists, Unlabelled]


@pytest.mark.parametrize("labelled", ["classes", "number", "nothing"])
def test_splits_are_cut_whatever_the_labels(labelled: str) -> None:
    random = np.random.default_rng(0)
    labels = {
        "classes": [[name for name in "abc" if random.random() < 0.4] for _ in range(200)],
        "number": random.normal(size=200).tolist(),
        "nothing": ["x"] * 200,
    }[labelled]
    texts = [f"text {number}" for number in range(200)]
    splits, report = make_splits(RawSplits(Rows(texts, labels, texts)), 0.2, 0.2, seed=1, labelled=labelled)
    assert all(abs(count - expected) <= 4 for count, expected in zip(report.rows.values(), (120, 40, 40), strict=True))
    assert splits.classes == (["a", "b", "c"] if labelled == "classes" else [])
    if labelled == "number":
        means = [part.labels.values.mean() for part in (splits.train, splits.val, splits.test)]  # type: ignore[attr-defined]
        assert np.ptp(means) < 0.15


@pytest.mark.parametrize("labelled", ["classes", "tags"])
def test_train_keeps_a_row_of_every_label(labelled: str) -> None:
    # FW is in one row alone, but five times; any of the last three could stand for the pairs that it is in.
    lists = [["NN", "VB"]] * 30 + [["FW"] * 5 + ["NN"]] + [["JJ"]] * 4 + [["X", "Y"], ["X", "Z"], ["Y"], ["Z"]]
    texts = [f"text {number}" for number in range(len(lists))]
    for seed in range(40):
        raw = RawSplits(Rows(texts, LabelLists.of(lists), texts))
        splits, _ = make_splits(raw, 0.3, 0.3, seed, labelled)
        assert splits.classes == ["FW", "JJ", "NN", "VB", "X", "Y", "Z"], seed


def test_labels_that_a_task_cannot_learn_from_are_refused() -> None:
    with pytest.raises(UserError, match=r"file\.csv.*one number a row"):
        make_splits(RawSplits(Rows(["a", "b"], ["x", "y"], ["1", "2"], origin="file.csv")), labelled="number")


@pytest.mark.parametrize(("labelled", "way_out"), [("number", "data.label_column"), ("tags", "data=conll")])
def test_a_source_of_classes_is_refused_before_it_is_read(tmp_path: Path, labelled: str, way_out: str) -> None:
    data = {"_target_": "sweepformer.data.sources.folder.Folder", "root": str(tmp_path / "unread")}
    with pytest.raises(UserError, match=f"Folder has one class a row.*{way_out}"):
        prepare(data, {"kind": "word"}, 0, labelled)
