"""Batches: every row once, always as many, like lengths together, the same again for the same seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweepformer.data.batch_plan import BatchPlan, PlannedBatches

# Nine in ten rows are of class 0, and the rare ones are longer.
RARE = np.repeat([0, 1, 2], [900, 70, 30])
LONGER = np.where(RARE == 0, 5, 20) + np.arange(1000) % 7
LENGTHS = st.lists(st.integers(1, 512), min_size=1, max_size=400).map(np.array)


@settings(max_examples=60)
@given(LENGTHS, st.integers(1, 64), st.booleans(), st.integers(1, 4), st.integers(0, 5))
def test_every_row_once_in_as_many_batches_each_epoch(lengths, batch_size, by_tokens, replicas, epoch) -> None:
    plan = BatchPlan(lengths, batch_size, by_tokens, seed=3, replicas=replicas)
    shares = [list(PlannedBatches(plan, lambda: (epoch, 0), rank, replicas)) for rank in range(replicas)]
    rows = sorted(row for share in shares for batch in share for row in batch)
    assert rows == list(range(len(lengths)))
    assert len(plan.epoch(epoch)) == len(plan) == len(plan.epoch(epoch + 1))
    assert all(len(batch) for share in shares for batch in share)
    if len(lengths) >= replicas:
        assert len({len(share) for share in shares}) == 1


@pytest.mark.parametrize(("shortest", "longest"), [(5, 200), (1, 20)])
def test_batches_cost_about_the_same_and_hold_little_padding(shortest: int, longest: int) -> None:
    lengths = np.random.default_rng(0).integers(shortest, longest, 5000)
    batches = BatchPlan(lengths, 64).epoch(0)
    costs = np.array([len(batch) * lengths[batch].max() for batch in batches])
    assert np.quantile(costs, 0.95) < 1.15 * 64 * lengths.mean()
    assert lengths.sum() / costs.sum() > 0.9


def test_epochs_differ_and_a_resumed_epoch_goes_on() -> None:
    plan = BatchPlan(np.random.default_rng(0).integers(5, 20, 500), 16, seed=1)
    first, second = (list(PlannedBatches(plan, lambda number=number: (number, 0))) for number in (0, 1))
    assert first != second
    assert list(PlannedBatches(plan, lambda: (1, 7))) == second[7:]
    assert {frozenset(batch) for batch in first} != {frozenset(batch) for batch in second}


def test_random_batches_hold_rows_of_any_length() -> None:
    batches = BatchPlan(np.arange(1, 1001), 50, by_tokens=False, grouped=False).epoch(0)
    assert {len(batch) for batch in batches} == {50}
    assert all(np.ptp(batch) > 500 for batch in batches)


def test_plain_batch_size() -> None:
    sizes = [len(batch) for batch in BatchPlan(np.arange(1, 101), 16, by_tokens=False).epoch(0)]
    assert sorted(sizes) == [4, 16, 16, 16, 16, 16, 16]


@pytest.mark.parametrize("batching", ["tokens", "rows", "random"])
def test_balanced_epochs_hold_as_many_rows_of_each_class(batching: str) -> None:
    plan = BatchPlan(LONGER, 32, batching == "tokens", seed=1, grouped=batching != "random", balance=RARE)
    epochs = [np.concatenate(plan.epoch(number)) for number in range(3)]
    for rows in epochs:
        times = np.bincount(rows, minlength=1000)
        assert np.ptp(np.bincount(RARE[rows])) <= 1
        assert all(np.ptp(times[label == RARE]) <= 1 for label in range(3))
    assert not np.array_equal(*(np.sort(rows) for rows in epochs[:2]))
    assert len(plan.epoch(0)) == len(plan.epoch(1)) == len(plan)


def test_balanced_batches_cost_about_the_same_too() -> None:
    plan = BatchPlan(LONGER, 32, seed=1, balance=RARE)
    drawn = LONGER[np.concatenate(plan.epoch(0))]
    costs = np.array([len(batch) * LONGER[batch].max() for batch in plan.epoch(0)])
    assert np.quantile(costs, 0.95) < 1.2 * 32 * drawn.mean()
    assert drawn.sum() / costs.sum() > 0.9
    mixed = [batch for batch in plan.epoch(0) if len(set(RARE[batch])) > 1]
    assert len(mixed) > len(plan) / 2  # rows of a length come in any order, not class by class


def test_balanced_batches_are_shared_and_resumed_as_any_others() -> None:
    plan = BatchPlan(LONGER, 32, seed=1, replicas=3, balance=RARE)
    shares = [list(PlannedBatches(plan, lambda: (1, 0), rank, 3)) for rank in range(3)]
    assert len({len(share) for share in shares}) == 1
    rows = np.sort(np.concatenate([row for share in shares for row in share]))
    assert np.array_equal(rows, np.sort(np.concatenate(plan.epoch(1))))
    assert list(PlannedBatches(plan, lambda: (1, 4), 2, 3)) == shares[2][4:]
