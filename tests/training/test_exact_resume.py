"""Killed anywhere and started again by the same command, a run ends as if nobody had disturbed it, bit by bit."""

import os
import signal
import time
from pathlib import Path

import pytest
from forked_commands import Start

from benchmarks.soak.comparison import differences, scalars
from benchmarks.soak.kills import TINY
from benchmarks.soak.rows import write_rows
from benchmarks.soak.writes import killed_writes
from sweepformer.training.loading import load_run

MOMENTS = ("train:7", "train:8", "validation:0", "epoch:0", "write:1", "train:44", "validation:2", "test:0")
FOUR_AT_ONCE = ("trainer.accumulate_grad_batches=4",)
WIDE = "model.wide.enabled=true"
KILLER = ("allowed_packages=[misbehaving]", "+callbacks.kill._target_=misbehaving.KillAt", "trainer.max_epochs=3")


@pytest.fixture
def command(tmp_path: Path) -> tuple[str, ...]:
    return (*TINY, f"data.train_file={write_rows(tmp_path / 'rows.csv')}", *KILLER)


@pytest.mark.parametrize(
    "options",
    [
        ("callbacks.checkpoint.every_n_train_steps=3", "scheduler=plateau", "scheduler.patience=0"),
        ("trainer.precision=bf16-mixed", *FOUR_AT_ONCE, "callbacks.checkpoint.every_n_minutes=1e-4"),
        (*FOUR_AT_ONCE, "trainer.val_check_interval=0.3", "callbacks.early_stopping.patience=2", WIDE),
        ("callbacks.checkpoint.every_n_train_steps=3", "trainer.max_steps=40", "scheduler=plateau"),
    ],
    ids=["steps", "minutes-bf16-accumulated", "validations-early-stopping", "ends-within-an-epoch"],
)  # fmt: skip
def test_a_killed_run_ends_as_if_undisturbed(
    start: Start, command: tuple[str, ...], options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice within an epoch, in a validation, at an epoch's end, while a checkpoint is written, while testing."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    undisturbed = start(*command, *options, f"hydra.run.dir={whole}")
    assert undisturbed.wait() == 0, undisturbed.screen
    assert {"train_loss", "train_acc", "train_loss_step", "val_acc"} <= scalars(whole).keys()
    monkeypatch.setenv("KILL_AT", ",".join(MOMENTS))
    monkeypatch.setenv("KILLED", str(tmp_path / "killed.txt"))
    kills = 0
    while (code := (again := start(*command, *options, f"hydra.run.dir={killed}")).wait()) == -signal.SIGKILL:
        kills += 1
    assert code == 0, again.screen
    assert kills >= 6
    assert "going on from" in again.screen
    assert differences(whole, killed) == []
    assert not list(killed.rglob("*.part"))


@pytest.mark.slow
def test_two_processes_go_on_together(
    start: Start, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its own random numbers, and its own share of a step's gradients and of the epoch's means."""
    both = ("trainer.strategy=ddp_fork", "trainer.devices=2", "trainer.accumulate_grad_batches=2")
    common = (*command, *both, "callbacks.checkpoint.every_n_train_steps=2")
    assert start(*common, f"hydra.run.dir={tmp_path}/whole").wait() == 0
    monkeypatch.setenv("KILL_AT", "train:9,train:22,train:40")
    monkeypatch.setenv("KILLED", str(tmp_path / "killed.txt"))
    codes = [start(*common, f"hydra.run.dir={tmp_path}/killed").wait() for _ in range(4)]
    assert codes == [1, 1, 1, 0]  # the process that started the others says so
    assert differences(tmp_path / "whole", tmp_path / "killed") == []


def test_killed_at_random_moments(start: Start, command: tuple[str, ...], tmp_path: Path) -> None:
    """The short form of benchmarks.reliability."""
    assert start(*command, f"hydra.run.dir={tmp_path}/whole").wait() == 0
    again = (*command, f"hydra.run.dir={tmp_path}/killed")
    for moment in (0.9, 1.2, 1.5):
        process = start(*again)
        time.sleep(moment)
        process.kill()
    assert start(*again).wait() == 0
    assert differences(tmp_path / "whole", tmp_path / "killed") == []


def test_writers_that_are_killed_leave_whole_files(tmp_path: Path) -> None:
    load_run()  # once, for all forks
    found = killed_writes(tmp_path, 24, seed=os.getpid())
    assert found["wrong"] == []
    assert sum(one["unfinished"] for one in found["kinds"].values()) > 0
