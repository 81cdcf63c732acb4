"""Several labels a row: thresholds that fit, what a run leaves, and what is said of bad rows."""

from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from conftest import COLOURS, Cli
from sklearn.metrics import accuracy_score, f1_score
from task_rows import SETS, label_sets, write_sets

from sweepformer.tasks.fitted_on_validation import best_thresholds


@pytest.fixture
def sets(tiny: tuple[str, ...], tmp_path: Path) -> tuple[str, ...]:
    return (*tiny, *SETS, f"data.train_file={write_sets(tmp_path / 'sets.csv')}")


def f1_of(labels: np.ndarray, given: np.ndarray) -> float:
    return 2 * (labels & given).sum() / max(labels.sum() + given.sum(), 1)


def test_thresholds_are_the_best_of_all() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        probabilities = random.choice(np.linspace(0, 1, 9), size=(12, 3)).astype(np.float32)
        labels = random.random((12, 3)) < 0.4
        found = best_thresholds(probabilities, labels)
        for column, threshold, true in zip(probabilities.T, found, labels.T, strict=True):
            best = max(f1_of(true, column >= one) for one in np.linspace(0, 1, 101))
            assert f1_of(true, column >= threshold) == pytest.approx(best) or not true.any()


def test_a_label_without_rows_and_neighbouring_numbers_have_thresholds() -> None:
    one = np.float32(0.3)
    column = np.array([[one], [np.nextafter(one, np.float32(1))]])
    (threshold,) = best_thresholds(column, np.array([[False], [True]]))
    assert (column[:, 0] >= threshold).tolist() == [False, True]
    assert best_thresholds(column, np.zeros((2, 1), dtype=bool)).tolist() == [0.5]


def test_a_run_leaves_lists_and_the_thresholds_of_its_best_checkpoint(cli: Cli, sets: tuple[str, ...]) -> None:
    result = cli(*sets, "logger=tensorboard", "tokenizer=word", "trainer.max_epochs=8")
    assert result.code == 0, result.screen
    metrics = result.summary["metrics"]
    table = pyarrow.parquet.read_table(result.directory / "predictions.parquet").to_pandas()
    assert list(table.columns) == ["id", "label", "prediction", *(f"probability_{one}" for one in sorted(COLOURS))]
    true, given = (
        np.array([[name in row for name in sorted(COLOURS)] for row in table[column]])
        for column in ("label", "prediction")
    )
    checkpoint = torch.load(result.directory / result.summary["best_checkpoint"], weights_only=True)
    thresholds = checkpoint["state_dict"]["thresholds"].numpy()
    assert len(set(thresholds.tolist())) == 3
    np.testing.assert_array_equal(given, table.filter(like="probability_").to_numpy() >= thresholds)
    assert metrics["test_acc"] == pytest.approx(accuracy_score(true, given))
    for average, name in (("macro", "test_f1"), ("micro", "test_f1_micro")):
        assert metrics[name] == pytest.approx(f1_score(true, given, average=average, zero_division=0))
    assert metrics["test_f1"] > 0.8
    assert "val_f1=" in result.summary["best_checkpoint"]
    again = {row: set(labels) for row, labels in enumerate(label_sets(200), 1)}
    assert all(set(row.label) == again[int(row.id)] for row in table.itertuples())


def test_lists_and_separated_labels_are_the_same_rows(cli: Cli, sets: tuple[str, ...], tmp_path: Path) -> None:
    lists = write_sets(tmp_path / "sets.jsonl")
    for name, given in (("text", []), ("lists", [f"data.train_file={lists}"])):
        assert cli(*sets, *given, f"hydra.run.dir={tmp_path / name}", "tokenizer=word").code == 0
    tables = [
        pyarrow.parquet.read_table(tmp_path / name / "predictions.parquet").to_pandas() for name in ("text", "lists")
    ]
    assert tables[0].equals(tables[1])


def test_one_threshold_for_all(cli: Cli, sets: tuple[str, ...]) -> None:
    result = cli(*sets, "task.thresholds=0.7", "trainer.max_epochs=1")
    assert result.code == 0, result.screen
    checkpoint = torch.load(result.directory / result.summary["best_checkpoint"], weights_only=True)
    assert checkpoint["state_dict"]["thresholds"].tolist() == pytest.approx([0.7] * 3)


@pytest.mark.parametrize("precision", ["bf16-true", "64-true"])
def test_other_precisions_train(cli: Cli, sets: tuple[str, ...], precision: str) -> None:
    result = cli(*sets, f"trainer.precision={precision}", "trainer.max_epochs=1", "logger=tensorboard")
    assert result.code == 0, result.screen


@pytest.mark.parametrize("given", ["sometimes", "0", "1.5", "null"])
def test_a_threshold_that_is_none_is_refused(cli: Cli, sets: tuple[str, ...], given: str) -> None:
    result = cli(*sets, f"task.thresholds={given}")
    assert result.code == 1
    assert "task.thresholds" in result.screen
    assert "fitted" in result.screen or given == "null"
    assert "Traceback" not in result.screen


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"text": "a b", "label": ["red", ""]}', ["line 201", "no label"]),
        ('{"text": "a b", "label": [["red"]]}', ["line 201", "one word or number"]),
        ('{"text": "a b", "label": 5}', ["line 201", "no list"]),
    ],
)
def test_bad_labels_are_named(cli: Cli, sets: tuple[str, ...], tmp_path: Path, line: str, words: list[str]) -> None:
    path = write_sets(tmp_path / "sets.jsonl")
    path.write_text(path.read_text() + line + "\n")
    result = cli(*sets, f"data.train_file={path}")
    assert result.code == 1
    assert all(word in result.screen for word in ["sets.jsonl", *words])
    assert "Traceback" not in result.screen


def test_labels_that_train_lacks_and_rows_without_any_are_told(cli: Cli, sets: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("text,label\none,red;purple\ntwo,\n")
    result = cli(*sets, f"data.test_file={tmp_path}/test.csv", "data.unseen_labels=refuse")
    assert result.code == 1
    assert all(word in result.screen for word in ("test.csv", "row 1", "'purple'"))
    none = tmp_path / "none.csv"
    none.write_text("text,label\n" + "".join(f"text {number},\n" for number in range(30)))
    result = cli(*sets, f"data.train_file={none}", f"hydra.run.dir={tmp_path}/none")
    assert result.code == 1
    assert "no label in 30 rows" in result.screen
    result = cli(*sets, "data.label_separator=''", f"hydra.run.dir={tmp_path}/separator")
    assert result.code == 1
    assert "data.label_separator" in result.screen
