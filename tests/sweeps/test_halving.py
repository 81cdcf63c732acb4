"""Early stopping across runs: who goes on, who stops, and that it saves steps."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import Cli, statuses
from hypothesis import given
from hypothesis import strategies as st

from sweepformer.runs.directory import RunDirectory
from sweepformer.training.callbacks.halving import SuccessiveHalving, read_rung, was_stopped


def reach_rung(sweep: Path, name: str, value: float, epoch: int = 1) -> bool:
    """Whether a run that reports `value` after `epoch` is stopped."""
    callback = SuccessiveHalving(RunDirectory(sweep / name), reduction=3)
    trainer = SimpleNamespace(
        current_epoch=epoch - 1,
        max_epochs=9,
        sanity_checking=False,
        callback_metrics={"val_acc": value},
        is_global_zero=True,
        strategy=SimpleNamespace(broadcast=lambda decision: decision),
        should_stop=False,
    )
    callback.on_validation_end(trainer, None)
    assert trainer.should_stop == callback.stopped
    return callback.stopped


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    (tmp_path / "sweep.json").write_text('{"swept": []}')
    return tmp_path


def test_one_of_three_goes_on(sweep: Path) -> None:
    values = [0.5, 0.4, 0.6, 0.3, 0.45, 0.55, 0.7]
    stopped = [reach_rung(sweep, str(number), value) for number, value in enumerate(values)]
    assert stopped == [False, True, False, True, True, False, False]


def test_equals_come_too_late_and_only_rungs_count(sweep: Path) -> None:
    assert not reach_rung(sweep, "0", 0.5)
    assert reach_rung(sweep, "1", 0.5)
    assert not reach_rung(sweep, "1", 0.0, epoch=2)
    assert not reach_rung(sweep, "1", 0.0, epoch=9)  # the last epoch: nothing to save
    assert set(read_rung(sweep / ".halving" / "epoch-1")) == {"0", "1"}


def test_a_run_that_goes_on_after_a_kill_does_not_compete_with_itself(sweep: Path) -> None:
    assert not reach_rung(sweep, "0", 0.5)
    assert not reach_rung(sweep, "0", 0.5)


def test_a_run_that_was_stopped_stays_stopped(sweep: Path) -> None:
    assert not reach_rung(sweep, "0", 0.5)
    assert reach_rung(sweep, "1", 0.4)
    callback, trainer = SuccessiveHalving(RunDirectory(sweep / "1")), SimpleNamespace(should_stop=False)
    callback.on_fit_start(trainer, None)
    assert trainer.should_stop
    assert not was_stopped(RunDirectory(sweep / "0"))


@given(st.permutations([n / 20 for n in range(20)]))
def test_the_best_is_never_stopped(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    sweep = tmp_path_factory.mktemp("sweep")
    (sweep / "sweep.json").write_text('{"swept": []}')
    stopped = {value: reach_rung(sweep, str(value), value) for value in values}
    assert not stopped[max(values)]
    assert sum(not one for one in stopped.values()) < 20 or values == sorted(values)


def test_a_sweep_spends_fewer_steps_and_says_who_was_stopped(shell: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    rates = "optimizer.lr=1e-6,1e-5,1e-4,1e-3,1e-2"
    command = ("-m", *tiny, "name=h", "callbacks=halving", "trainer.max_epochs=9", rates)
    result = shell(*command)
    assert result.code == 0, result.screen
    sweep = tmp_path / "multirun" / "h"
    found = list(statuses(sweep).values())
    assert found.count("stopped_early_by_sweep") >= 2
    assert found.count("completed") >= 1
    steps = [json.loads(path.read_text())["steps"] for path in sweep.glob("*/summary.json")]
    assert sum(steps) < 0.8 * 5 * max(steps)
    report = (sweep / "README.md").read_text()
    stopped = found.count("stopped_early_by_sweep")
    assert f"{stopped} of 5 runs were stopped early" in report
    assert report.count(", stopped |") == stopped
    assert "5 of 5 runs have their result already" in shell(*command).out
