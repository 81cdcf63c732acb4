"""The parts of benchmarks.reliability, in short: each end of a run is a result or one clear message."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import record, reliability
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


def test_what_went_wrong_is_tried_again_and_stays_in_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (record, reliability):
        monkeypatch.setattr(module, "RESULTS", tmp_path)
    file = tmp_path / "reliability.json"
    file.write_text(json.dumps({"overrides": {"seed": 0, "tried": 5000, "wrong": ["1: it hangs", "2: a traceback"]}}))
    monkeypatch.setattr(sys, "argv", ["", "--parts", "overrides", "--mended", "--work", str(tmp_path / "work")])
    reliability.main()
    found = json.loads(file.read_text())["overrides"]
    assert found["wrong"] == []
    assert [one.partition(" [mended: ")[0] for one in found["mended"]] == ["1: it hangs", "2: a traceback"]
    assert found["tried"] == 5000


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
