"""Killed anywhere and started again by the same command, a run ends as if nobody had disturbed it, bit by bit."""

import os
import signal
from pathlib import Path

import pytest

from benchmarks.reliability import TINY, differences, kill_after, killed_writes, scalars, start, wait, write_rows
from sweepformer.loading import load_run

MOMENTS = ("train:7", "train:8", "validation:0", "epoch:0", "write:1", "train:44", "validation:2", "test:0")
FOUR_AT_ONCE = ("trainer.accumulate_grad_batches=4",)
KILLER = ("+callbacks.kill._target_=misbehaving.KillAt", "trainer.max_epochs=3")


@pytest.fixture
def command(tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    load_run()  # once, for all forks
    monkeypatch.setenv("SWEEPFORMER_CACHE", str(shared_cache))
    return (*TINY, f"data.train_file={write_rows(tmp_path / 'rows.csv')}", *KILLER)


@pytest.mark.parametrize(
    "options",
    [
        ("callbacks.checkpoint.every_n_train_steps=3", "scheduler=plateau", "scheduler.patience=0"),
        ("trainer.precision=bf16-mixed", *FOUR_AT_ONCE, "callbacks.checkpoint.every_n_minutes=1e-4"),
        (*FOUR_AT_ONCE, "trainer.val_check_interval=0.3", "callbacks.early_stopping.patience=2"),
    ],
    ids=["steps", "minutes-bf16-accumulated", "validations-early-stopping"],
)  # fmt: skip
def test_a_killed_run_ends_as_if_undisturbed(
    command: tuple[str, ...], options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice within an epoch, in a validation, at an epoch's end, while a checkpoint is written, while testing."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert wait(start((*command, *options), whole)) == 0, whole.with_suffix(".screen").read_text()
    assert {"train_loss", "train_acc", "train_loss_step", "val_acc"} <= scalars(whole).keys()
    monkeypatch.setenv("KILL_AT", ",".join(MOMENTS))
    monkeypatch.setenv("KILLED", str(tmp_path / "killed.txt"))
    kills = 0
    while (code := wait(start((*command, *options), killed))) == -signal.SIGKILL:
        kills += 1
    screen = killed.with_suffix(".screen").read_text()
    assert code == 0, screen
    assert kills >= 6
    assert "going on from" in screen
    assert differences(whole, killed) == []
    assert not list(killed.rglob("*.part"))


@pytest.mark.slow
def test_two_processes_go_on_together(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its own random numbers, and its own share of a step's gradients and of the epoch's means."""
    both = ("trainer.strategy=ddp_fork", "trainer.devices=2", "trainer.accumulate_grad_batches=2")
    common = (*command, *both, "callbacks.checkpoint.every_n_train_steps=2")
    assert wait(start(common, tmp_path / "whole")) == 0
    monkeypatch.setenv("KILL_AT", "train:9,train:22,train:40")
    monkeypatch.setenv("KILLED", str(tmp_path / "killed.txt"))
    for _ in range(3):
        assert wait(start(common, tmp_path / "killed")) == 1  # the process that started the others says so
    assert wait(start(common, tmp_path / "killed")) == 0
    assert differences(tmp_path / "whole", tmp_path / "killed") == []


def test_killed_at_random_moments(command: tuple[str, ...], tmp_path: Path) -> None:
    """The short form of benchmarks.reliability."""
    assert wait(start(command, tmp_path / "whole")) == 0
    for moment in (0.9, 1.2, 1.5):
        kill_after(start(command, tmp_path / "killed"), moment)
    assert wait(start(command, tmp_path / "killed")) == 0
    assert differences(tmp_path / "whole", tmp_path / "killed") == []


def test_writers_that_are_killed_leave_whole_files(tmp_path: Path, command: tuple[str, ...]) -> None:
    import random

    found = killed_writes(tmp_path, 24, random.Random(os.getpid()))
    assert {kind: (one["torn"], one["lost"]) for kind, one in found.items()} == dict.fromkeys(found, (0, 0))
    assert sum(one["unfinished"] for one in found.values()) > 0
