"""A loss that jumps is told from one that falls, wavers or is noisy."""

import numpy as np
import pytest

from sweepformer.training.callbacks.divergence import LossSpikes


def spikes(losses: np.ndarray) -> list[int]:
    watch = LossSpikes()
    found = [number for number, loss in enumerate(losses.tolist()) if watch.note(loss) is not None]
    assert watch.count == len(found)
    return found


def falling(seed: int, noise: float, steps: int = 400) -> np.ndarray:
    """As losses fall, from 3 to a tenth, with noise as a share of them."""
    random = np.random.default_rng(seed)
    return (0.1 + 2.9 * np.exp(-np.arange(steps) / 60)) * np.exp(noise * random.standard_normal(steps))


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.1, 0.5])
def test_ordinary_losses_have_none(noise: float) -> None:
    assert [found for seed in range(20) for found in spikes(falling(seed, noise))] == []


def test_the_first_losses_are_no_measure() -> None:
    assert spikes(np.array([0.7, 0.1, 5.0, 0.1, 9.0])) == []


@pytest.mark.parametrize("noise", [0.01, 0.1])
def test_a_jump_is_one_and_where_it_stays_is_usual_then(noise: float) -> None:
    losses = falling(1, noise)
    losses[300:] *= 10
    found = spikes(losses)
    assert found[0] == 300
    assert len(found) < 5


def test_a_quarter_more_is_the_least() -> None:
    losses = np.full(40, 0.5)
    losses[30], losses[35] = 0.6, 0.7
    assert spikes(losses) == [35]


def test_losses_that_are_no_numbers_or_not_positive_are_passed_over() -> None:
    losses = falling(2, 0.05)
    losses[[5, 50, 100]] = [np.nan, np.inf, 0.0]
    losses[200] = -1.0
    assert spikes(losses) == []


def test_goes_on_where_it_was_saved() -> None:
    losses = falling(1, 0.1)
    losses[300] *= 20
    first, second = LossSpikes(), LossSpikes()
    for loss in losses[:290].tolist():
        first.note(loss)
    second.load_state_dict(first.state_dict())
    assert [number for number, loss in enumerate(losses[290:].tolist()) if second.note(loss) is not None] == [10]
    assert second.count == 1


def test_single_batches_that_stick_out_are_none() -> None:
    """The losses of small batches nearly all of which are learned, logged at each step."""
    random = np.random.default_rng(0)
    losses = 0.6 + 0.4 * (random.random(3000) < 0.005) + 0.01 * random.random(3000)
    watch = LossSpikes()
    watch.log_every(1)
    assert all(watch.note(loss) is None for loss in losses.tolist())
    assert spikes(losses), "looked at one by one they are"
    jump = [watch.note(loss) for loss in (losses[:50] * 3).tolist()]
    assert jump[-1] == pytest.approx((0.606, 1.82), rel=0.05)
    assert jump[:-1] == [None] * 49
