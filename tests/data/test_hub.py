"""Hugging Face datasets, local ones only."""

import sys
from pathlib import Path

import datasets
import pytest

from sweepformer.data.sources.hub import Hub
from sweepformer.data.texts import split_words
from sweepformer.errors import UserError


def saved(folder: Path, test_labels: list[int]) -> str:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    parts = {"train": [0, 1], "validation": [1], "test": test_labels}
    made = {
        name: datasets.Dataset.from_dict(
            {"text": [f"{name} {n}" for n in range(len(labels))], "label": labels}, features
        )
        for name, labels in parts.items()
    }
    datasets.DatasetDict(made).save_to_disk(str(folder))
    return str(folder)


def test_saved_dataset(tmp_path: Path) -> None:
    raw = Hub(saved(tmp_path / "saved", [0])).read()
    assert list(raw.train.labels) == ["no", "yes"]
    assert raw.val is not None
    assert raw.test is not None
    assert (list(raw.val.labels), list(raw.test.labels)) == (["yes"], ["no"])


def test_missing_package_and_unknown_dataset_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="can't be loaded"):
        Hub(str(tmp_path / "empty")).read()
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"\.\[hub\]"):
        Hub("anything").read()


def test_hidden_labels_and_wrong_names(tmp_path: Path) -> None:
    path = saved(tmp_path / "saved", [-1])
    with pytest.raises(UserError, match="hidden"):
        Hub(path).read()
    with pytest.raises(UserError, match=r"data\.text_column=body"):
        Hub(path, text_column="body").read()
    with pytest.raises(UserError, match=r"data\.train_split=none"):
        Hub(path, train_split="none").read()


def test_tags_are_read_by_name(tmp_path: Path) -> None:
    features = datasets.Features(
        {
            "tokens": datasets.List(datasets.Value("string")),
            "ner": datasets.List(datasets.ClassLabel(names=["O", "B-X"])),
        }
    )
    made = datasets.Dataset.from_dict({"tokens": [["a", "b"], ["c"]], "ner": [[0, 1], [1]]}, features)
    made.save_to_disk(str(tmp_path / "saved"))
    rows = Hub(str(tmp_path / "saved"), text_column="tokens", label_column="ner", labelled="tags").read().train
    assert list(map(split_words, rows.texts)) == [["a", "b"], ["c"]]
    assert list(rows.labels.categories) == ["O", "B-X", "B-X"]  # type: ignore[attr-defined]
