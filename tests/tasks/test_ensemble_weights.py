"""Two models' answers together are at least as good as the better one's."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from sweepformer.tasks.fitted_on_validation import EQUAL, best_ensemble_weights


def drawn(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two models' logits, and labels drawn from what 0.7 of the first's and 0.2 of the other's stand for."""
    random = np.random.default_rng(seed)
    first, second = random.normal(scale=3, size=(2, rows, 4))
    odds = softmax(0.7 * first + 0.2 * second, axis=1).cumsum(1)
    return first, second, (random.random((rows, 1)) > odds).sum(1).clip(max=3)


def loss(logits: np.ndarray, labels: np.ndarray) -> float:
    return -log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean()


def test_what_labels_were_drawn_with_is_found() -> None:
    assert best_ensemble_weights(*drawn(20_000)) == pytest.approx((0.7, 0.2), abs=0.03)


def test_of_few_rows_it_does_no_harm_on_others() -> None:
    first, second, labels = drawn(50, seed=1)
    one, two = best_ensemble_weights(first, second, labels)
    first, second, labels = drawn(20_000)
    assert loss(one * first + two * second, labels) < loss(0.7 * first, labels)


def test_who_knows_nothing_is_not_listened_to() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(4, size=5_000)
    informed = 2 * np.eye(4)[labels] + random.normal(size=(5_000, 4))
    assert best_ensemble_weights(informed, random.normal(scale=5, size=(5_000, 4)), labels)[1] < 0.02
    assert best_ensemble_weights(random.normal(scale=5, size=(5_000, 4)), informed, labels)[0] < 0.02


def test_who_is_always_right_does_not_become_certain() -> None:
    logits = 4 * np.eye(3)[[0, 1, 2] * 10]
    one, two = best_ensemble_weights(logits, logits, logits.argmax(1))
    assert 0.95 < softmax((one + two) * logits, axis=1).max(1).min() < 0.995


@pytest.mark.parametrize("shape", [(0, 3), (7, 1)])
def test_without_a_choice_both_count_alike(shape: tuple[int, int]) -> None:
    assert best_ensemble_weights(np.zeros(shape), np.zeros(shape), np.zeros(shape[0], np.int64)) == EQUAL
