"""Told to stop, a run finishes its step, saves, says how to go on, and tells its caller by which signal it ended."""

import json
import os
import signal
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from forked_commands import Start
from moments import ANNOUNCED, wait_for
from pytorch_lightning.utilities.exceptions import SIGTERMException

from benchmarks.soak.comparison import differences
from benchmarks.soak.kills import TINY
from benchmarks.soak.rows import write_rows
from sweepformer.training.stopping import Stop

SLOWLY = (
    "allowed_packages=[misbehaving]",
    "+callbacks.slow._target_=misbehaving.Misbehave",
    "trainer.max_epochs=2",
    "+callbacks.slow.delay=0.03",
)
A_STEP_FOR_EVER = "callbacks.slow.delay=600"


@pytest.fixture
def command(tmp_path: Path) -> tuple[str, ...]:
    return (*TINY, f"data.train_file={write_rows(tmp_path / 'rows.csv')}", *SLOWLY)


@pytest.fixture
def in_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is there when a command's first step has begun."""
    monkeypatch.setenv("IN_A_STEP", str(tmp_path / "in a step"))
    return tmp_path / "in a step"


def trains(run: Path) -> bool:
    """Whether event files have something of a step's."""
    return any(b"train_loss_step" in file.read_bytes() for file in run.glob("tensorboard/events.*"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_told_to_stop_loses_nothing(
    start: Start, command: tuple[str, ...], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    whole, run = tmp_path / "whole", tmp_path / "stopped"
    assert start(*command, f"hydra.run.dir={whole}").wait() == 0
    process = start(*command, f"hydra.run.dir={run}")
    wait_for(lambda: trains(run))
    process.send_signal(number)
    assert process.wait() == code
    summary = json.loads((run / "summary.json").read_text())
    assert summary["status"] == "interrupted"
    assert 0 < summary["steps"] < 60
    assert f"the same command, hydra.run.dir={run} goes on from here" in process.screen
    assert "Traceback" not in process.screen
    again = start(*command, f"hydra.run.dir={run}")
    assert again.wait() == 0
    assert f"going on from {run}/checkpoints/last.ckpt" in again.screen
    assert differences(whole, run) == []


def test_a_second_ctrl_c_ends_a_run_at_once(
    start: Start, command: tuple[str, ...], tmp_path: Path, in_a_step: Path
) -> None:
    process = start(*command, A_STEP_FOR_EVER, f"hydra.run.dir={tmp_path}/stopped")
    wait_for(in_a_step.exists)
    process.send_signal(signal.SIGINT)
    wait_for(lambda: ANNOUNCED in process.screen)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert json.loads((tmp_path / "stopped" / "summary.json").read_text())["status"] == "interrupted"


@pytest.mark.parametrize(
    ("numbers", "end"),
    [
        ((signal.SIGINT, signal.SIGINT), KeyboardInterrupt),
        ((signal.SIGTERM, signal.SIGTERM), SIGTERMException),
        ((signal.SIGTERM, signal.SIGINT), None),
        ((signal.SIGINT, signal.SIGTERM), None),
        ((signal.SIGTERM, signal.SIGINT, signal.SIGINT), KeyboardInterrupt),
    ],
)
def test_only_the_same_signal_again_is_impatience(numbers: tuple[signal.Signals, ...], end: Any) -> None:
    """A whole group of processes may be sent SIGTERM, of which a sweep passes on what it was sent as Ctrl-C."""
    with Stop() as stop:
        stop.wait_for_a_good_moment()
        for number in numbers[:-1]:
            signal.raise_signal(number)
        with pytest.raises(end) if end else nullcontext():
            signal.raise_signal(numbers[-1])
        assert stop.asked


def test_sigterm_does_not_wait_for_a_step_that_takes_too_long(
    start: Start, command: tuple[str, ...], tmp_path: Path, in_a_step: Path
) -> None:
    process = start(*command, A_STEP_FOR_EVER, f"hydra.run.dir={tmp_path}/stopped")
    wait_for(in_a_step.exists)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    assert json.loads((tmp_path / "stopped" / "summary.json").read_text())["status"] == "interrupted"


@pytest.mark.parametrize("steps", [9, 16, 24])  # of 8 an epoch
def test_a_run_that_is_told_to_stop_in_its_last_validation_goes_on_with_it(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    told = ("allowed_packages=[misbehaving]", "+callbacks.told._target_=misbehaving.SignalInLastValidation")
    command = (*tiny, *told, "data.eval_batch_size=4", "trainer.max_epochs=9", f"trainer.max_steps={steps}")
    assert cli(*command, f"hydra.run.dir={tmp_path / 'whole'}").code == 0
    monkeypatch.setenv("SIGNAL_IN_VALIDATION", "1")
    assert cli(*command).code == 143
    monkeypatch.delenv("SIGNAL_IN_VALIDATION")
    again = cli(*command)
    assert again.code == 0, again.screen
    counters = (
        "val_loop.batch_progress.total"  # of batches begun: those of the validation that was cut off are among them
    )
    assert [one for one in differences(tmp_path / "whole", again.directory) if counters not in one] == []
    assert f"epoch={-(-steps // 8) - 1:02d}-" in again.summary["best_checkpoint"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_told_to_stop_while_it_is_tested_goes_on_to_its_result(
    cli: Cli, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    command = (*tiny, "allowed_packages=[misbehaving]", "+callbacks.told._target_=misbehaving.SignalInTest")
    monkeypatch.setenv("SIGNAL_IN_TEST", str(int(number)))
    stopped = cli(*command)
    assert stopped.code == code, stopped.screen
    before = stopped.summary
    assert before["status"] == "interrupted"
    assert "goes on from here" in stopped.out
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    monkeypatch.delenv("SIGNAL_IN_TEST")
    again = cli(*command)
    assert again.code == 0
    seconds = again.summary["seconds"]
    assert before["seconds"]["earlier"] == 0 < seconds["earlier"] <= before["seconds"]["training"]
    assert seconds["earlier"] <= seconds["training"] < seconds["total"]


def test_a_job_that_slurm_can_not_be_asked_to_queue_again_is_saved(
    start: Start, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a container there is often no scontrol."""
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("PATH", str(tmp_path))
    process = start(*command, f"hydra.run.dir={tmp_path}/run")
    wait_for(lambda: trains(tmp_path / "run"))
    process.send_signal(signal.SIGUSR1)
    assert process.wait() == 143
    assert "job 17 is not queued again (scontrol: No such file" in process.screen
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["status"] == "interrupted"


def test_slurm_queues_a_job_again_whose_time_is_up(
    start: Start, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text(f"#!/bin/sh\necho $* > {tmp_path}/requeued\n")
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{scontrol.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    process = start(*command, f"hydra.run.dir={tmp_path}/run")
    wait_for(lambda: trains(tmp_path / "run"))
    process.send_signal(signal.SIGUSR1)
    assert process.wait() == 143
    assert (tmp_path / "requeued").read_text() == "requeue 17\n"
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()
