"""Sums of an epoch's steps: exact, the same for a run that goes on, and small however long the epoch."""

import math

import torch

from sweepformer.tasks.step_sums import MOST_WAITING, StepSums


def steps(count: int) -> list[torch.Tensor]:
    return [torch.tensor([0.1, number % 2, 3.0]) for number in range(count)]


def test_sums_are_of_the_epoch_and_since_they_were_asked_for() -> None:
    sums = StepSums()
    for step in steps(50):
        sums.add(step)
    assert sums.since_asked()[1:] == (25, 150)
    sums.add(steps(1)[0])
    assert sums.since_asked()[2] == 3
    assert sums.of_epoch[1:] == (25, 153)
    assert sums.since_asked() == (0, 0, 0)
    sums.restart()
    assert (sums.of_epoch, sums.batches) == ((0, 0, 0), 0)


def test_a_long_epoch_holds_no_more_than_a_short_one() -> None:
    """And counts on where single precision, which knows no odd numbers above 2 ** 24, would stand still."""
    sums = StepSums()
    step = torch.tensor([0.0, 1.0, 2.0**24 + 2])
    for _ in range(2 * MOST_WAITING + 7):
        sums.add(step)
    assert len(sums.state()["waiting"]) == 7
    assert sums.of_epoch == (0, 2 * MOST_WAITING + 7, (2 * MOST_WAITING + 7) * (2**24 + 2))


def test_a_run_that_goes_on_comes_to_the_same_sums() -> None:
    whole, first, second = StepSums(), StepSums(), StepSums()
    for number, step in enumerate(steps(1500)):
        whole.add(step)
        part = first if number < 1203 else second
        if number == 1203:
            second.load(first.state())
        part.add(step)
    assert second.of_epoch == whole.of_epoch
    assert (second.since_asked(), second.batches) == (whole.since_asked(), whole.batches)


def test_what_a_batch_without_a_loss_was_to_teach_does_not_count() -> None:
    sums = StepSums()
    for loss in (0.5, math.nan, 0.25, math.inf):
        sums.add(torch.tensor([loss, 1.0, 4.0]))
    assert sums.recent == sums.of_epoch == (0.75, 2, 8)
    assert sums.since_asked() == (0.75, 2, 8)
    assert sums.recent == (0, 0, 0)
