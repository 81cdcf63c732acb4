"""The parts of benchmarks.reliability, in short: each end of a run is a result or one clear message."""

from pathlib import Path

import pytest

from benchmarks.soak.damage import try_damage
from benchmarks.soak.files import try_files
from benchmarks.soak.long_life import train_long
from benchmarks.soak.many_runs import run_many
from benchmarks.soak.override_trials import try_sets
from benchmarks.soak.processes import warm_up


@pytest.fixture(autouse=True, scope="module")
def loaded() -> None:
    """Once, for all forks."""
    warm_up()


def test_any_override(tmp_path: Path) -> None:
    found = try_sets(tmp_path, 20, first=1)
    assert found["wrong"] == []
    assert found["trained"] > 2
    assert found["kinds_of_message"] > 5


def test_any_file(tmp_path: Path) -> None:
    found = try_files(tmp_path, 16, first=1)
    assert found["wrong"] == []
    assert 0 < found["compared_with_another_reader"] <= found["trained"] < 16


def test_any_damage(tmp_path: Path) -> None:
    found = try_damage(tmp_path, 6, first=1)
    assert found["wrong"] == []
    assert found["trained"] > 2


def test_many_runs_in_one_process(tmp_path: Path) -> None:
    assert run_many(tmp_path, 15)["wrong"] == []


def test_many_steps(tmp_path: Path) -> None:
    assert train_long(tmp_path, 1500)["wrong"] == []
