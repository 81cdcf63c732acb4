"""One number a row: answers in the user's unit, metrics that others agree with, and what is said of bad rows."""

from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from conftest import Cli
from scipy.stats import pearsonr, spearmanr
from task_rows import NUMBERS, write_numbers
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sweepformer.tasks.regression import Correlation, Regression
from sweepformer.tasks.task import Targets


@pytest.fixture
def numbers(tiny: tuple[str, ...], tmp_path: Path) -> tuple[str, ...]:
    return (*tiny, *NUMBERS, f"data.train_file={write_numbers(tmp_path / 'numbers.jsonl')}")


def predictions(folder: Path):  # type: ignore[no-untyped-def]
    return pyarrow.parquet.read_table(folder / "predictions.parquet").to_pandas()


@pytest.mark.parametrize("loss", ["mse", "huber", "mae"])
def test_answers_are_in_the_users_unit(cli: Cli, numbers: tuple[str, ...], loss: str) -> None:
    result = cli(*numbers, f"task.loss={loss}")
    assert result.code == 0, result.screen
    metrics, table = result.summary["metrics"], predictions(result.directory)
    assert list(table.columns) == ["id", "label", "prediction"]
    assert set(table.label) <= {1000.0, 1010.0, 1020.0, 1030.0, 1040.0}
    assert metrics["test_mae"] == pytest.approx((table.label - table.prediction).abs().mean(), rel=1e-3)
    assert metrics["test_pearson"] == pytest.approx(pearsonr(table.label, table.prediction)[0], abs=1e-4)
    assert metrics["test_spearman"] == pytest.approx(spearmanr(table.label, table.prediction)[0], abs=1e-4)
    assert metrics["test_mae"] < 8  # their mean is wrong by 12
    assert metrics["test_pearson"] > 0.8
    assert "train_acc" not in metrics
    assert "val_loss=" in result.summary["best_checkpoint"]


def test_the_unit_changes_nothing_but_the_unit(cli: Cli, numbers: tuple[str, ...], tmp_path: Path) -> None:
    found = []
    for name, unit, zero in (("small", 1e-3, 0.0), ("large", 1e6, -5e6)):
        rows = write_numbers(tmp_path / f"{name}.jsonl", unit=unit, zero=zero)
        result = cli(*numbers, f"data.train_file={rows}", f"hydra.run.dir={tmp_path / name}", "tokenizer=word")
        assert result.code == 0, result.screen
        found.append((predictions(result.directory).prediction - zero) / unit)
    np.testing.assert_allclose(found[0], found[1], atol=1e-3)


@pytest.mark.parametrize("model", ["tiny", "tfidf"])
def test_numbers_that_differ_in_late_digits_are_learned(
    cli: Cli, numbers: tuple[str, ...], tmp_path: Path, model: str
) -> None:
    rows = write_numbers(tmp_path / "seconds.jsonl", zero=1.7e9)
    options = numbers if model == "tiny" else ("task=regression", "data=files", "model=tfidf")
    result = cli(*options, f"data.train_file={rows}")
    assert result.code == 0, result.screen
    table = predictions(result.directory)
    assert set(table.label) <= {1.7e9 + 10 * more for more in range(5)}
    assert 0 < (table.label - table.prediction).abs().mean() < 8
    assert result.summary["metrics"]["test_pearson"] > 0.8


def test_tensorboard_shows_predicted_against_true(cli: Cli, numbers: tuple[str, ...]) -> None:
    result = cli(*numbers, "trainer.max_epochs=1", "logger=tensorboard")
    events = EventAccumulator(str(result.directory / "tensorboard")).Reload()
    assert events.Tags()["images"] == ["predicted_and_true"]
    assert {"val_spearman", "val_mae", "train_loss"} <= set(events.Tags()["scalars"])


@pytest.mark.parametrize("ranked", [False, True])
def test_correlations_are_scipys(ranked: bool) -> None:
    random = np.random.default_rng(0)
    numbers = random.normal(size=500).round(1)  # with ties
    answers = numbers + random.normal(size=500)
    metric = Correlation(ranked)
    for part in np.split(np.arange(500), [100, 101]):
        metric.update(torch.from_numpy(answers[part]), torch.from_numpy(numbers[part]))
    expected = (spearmanr if ranked else pearsonr)(answers, numbers)[0]
    assert float(metric.compute()) == pytest.approx(expected)


def test_the_same_answer_for_all_correlates_with_nothing() -> None:
    metric = Correlation(ranked=True)
    metric.update(torch.ones(5), torch.arange(5.0))
    assert float(metric.compute()) == 0


def test_mean_and_scale_travel_with_the_weights() -> None:
    labels = np.array([1.0, 2.0, 6.0])
    parts = {"model": torch.nn.Identity(), "make_optimizer": None, "make_schedule": None}
    task = Regression(Targets([], labels, 1.0, 1.0), **parts)
    state = task.state_dict()
    assert state["_extra_state"] == {"mean": pytest.approx(3), "scale": pytest.approx(labels.std())}
    answer = task.answer(torch.tensor([[0.0], [1.0]]), torch.zeros(2))["predictions"]
    assert answer.tolist() == pytest.approx([3, 3 + labels.std()])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "label", ['"many"', "null", "NaN", "Infinity", '"nan"', "true", "1e39", "[1]", '""'], ids=lambda label: label
)
def test_what_is_no_number_is_named(cli: Cli, numbers: tuple[str, ...], tmp_path: Path, label: str) -> None:
    path = tmp_path / "numbers.jsonl"
    path.write_text(path.read_text() + f'{{"text": "a b", "label": {label}}}\n')
    result = cli(*numbers)
    assert result.code == 1
    wrong = "there is no label" if label in ("null", "NaN", '""') else "no finite number"
    assert all(word in result.screen for word in ("numbers.jsonl", "line 201", "'label'", wrong))
    assert "Traceback" not in result.screen


def test_numbers_that_are_all_the_same_are_refused(cli: Cli, numbers: tuple[str, ...], tmp_path: Path) -> None:
    rows = write_numbers(tmp_path / "same.jsonl", unit=0.0)
    result = cli(*numbers, f"data.train_file={rows}")
    assert result.code == 1
    assert all(word in result.screen for word in ("same.jsonl", "the number 1000", "nothing to learn"))
    assert "Traceback" not in result.screen


@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true"])
def test_other_precisions_train(cli: Cli, numbers: tuple[str, ...], precision: str) -> None:
    result = cli(*numbers, f"trainer.precision={precision}", "trainer.max_epochs=1", "logger=tensorboard")
    assert result.code == 0, result.screen
    assert predictions(result.directory).prediction.between(900, 1100).all()


def test_numbers_are_not_rounded_to_16_bits(cli: Cli, numbers: tuple[str, ...]) -> None:
    result = cli(*numbers, "trainer.precision=bf16-true")
    assert result.code == 1
    assert all(word in result.screen for word in ("trainer.precision=bf16-true", "bf16-mixed"))


def test_a_metric_of_another_task_is_refused(cli: Cli, numbers: tuple[str, ...]) -> None:
    result = cli(*numbers, "task.monitor=val_acc")
    assert result.code == 1
    assert all(word in result.screen for word in ("task.monitor=val_acc", "val_spearman"))
