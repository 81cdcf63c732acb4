"""Hugging Face datasets, local ones only."""

import sys
from pathlib import Path

import datasets
import pytest

from sweepformer.data.sources.hub import Hub
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
