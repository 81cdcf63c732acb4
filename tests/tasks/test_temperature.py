"""Probabilities that say how often they are right."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from conftest import Cli
from scipy.special import softmax

from sweepformer.tasks.fitted_on_validation import best_temperature


def drawn(rows: int, classes: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels that are drawn from the probabilities that logits divided by `temperature` stand for."""
    random = np.random.default_rng(0)
    logits = random.normal(scale=3, size=(rows, classes))
    odds = softmax(logits / temperature, axis=1).cumsum(1)
    return logits, (random.random((rows, 1)) > odds).sum(1).clip(max=classes - 1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_labels_were_drawn_at_is_found(temperature: float) -> None:
    assert best_temperature(*drawn(20_000, 5, temperature)) == pytest.approx(temperature, rel=0.05)


def test_a_model_that_is_always_right_does_not_become_certain() -> None:
    logits = 4 * np.eye(3)[[0, 1, 2] * 10]
    probability = softmax(logits / best_temperature(logits, logits.argmax(1)), axis=1).max(1)
    assert 0.95 < probability.min() < 0.995  # 1 - 1/32, as Platt has it


def test_a_model_that_knows_nothing_says_so() -> None:
    random = np.random.default_rng(0)
    logits, labels = random.normal(scale=5, size=(5_000, 4)), random.integers(4, size=5_000)
    assert softmax(logits / best_temperature(logits, labels), axis=1).max() < 0.35


@pytest.mark.parametrize("shape", [(0, 3), (7, 1)])
def test_without_a_choice_nothing_is_scaled(shape: tuple[int, int]) -> None:
    assert best_temperature(np.zeros(shape, np.float32), np.zeros(shape[0], np.int64)) == 1


@pytest.mark.parametrize("model", ["tiny", "tfidf"])
def test_a_run_tells_its_calibration_error_and_gives_calibrated_probabilities(
    cli: Cli, tiny: tuple[str, ...], model: str
) -> None:
    overrides = [one for one in tiny if model == "tiny" or not one.startswith(("model", "trainer"))]
    result = cli(*overrides, f"model={model}")
    assert result.code == 0, result.screen
    table = pq.read_table(result.directory / "predictions.parquet").to_pydict()
    probabilities = np.array([values for name, values in table.items() if name.startswith("probability_")]).T
    right = np.array(table["label"]) == np.array(table["prediction"])
    metrics = result.summary["metrics"]
    assert metrics["test_ece"] == pytest.approx(expected_error(probabilities.max(1), right), abs=1e-5)
    if model == "tiny":
        checkpoint = torch.load(result.directory / result.summary["best_checkpoint"], weights_only=True)
        temperature = float(checkpoint["state_dict"]["temperature"])
        assert temperature != 1
        logits = np.log(probabilities) * temperature  # but for what is the same for all classes
        assert metrics["test_ece_raw"] == pytest.approx(expected_error(softmax(logits, 1).max(1), right), abs=1e-4)


def expected_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """As Guo et al. 2017 have it: how far confidence and accuracy are apart in each bin, by its share of rows."""
    numbers = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    apart = [abs(confidence[numbers == one].sum() - right[numbers == one].sum()) for one in range(bins)]
    return sum(apart) / len(right)
