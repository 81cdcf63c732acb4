"""Told to stop, a run finishes its step, saves, says how to go on, and tells its caller by which signal it ended."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.reliability import TINY, differences, start, wait, write_rows
from sweepformer.loading import load_run

SLOWLY = ("+callbacks.slow._target_=misbehaving.Misbehave", "trainer.max_epochs=2", "+callbacks.slow.delay=0.03")


@pytest.fixture
def command(tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    load_run()  # once, for all forks
    monkeypatch.setenv("SWEEPFORMER_CACHE", str(shared_cache))
    return (*TINY, f"data.train_file={write_rows(tmp_path / 'rows.csv')}", *SLOWLY)


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def trains(run: Path) -> bool:
    """Whether event files have something of a step's."""
    return any(b"train_loss_step" in file.read_bytes() for file in run.glob("tensorboard/events.*"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_told_to_stop_loses_nothing(
    command: tuple[str, ...], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    assert wait(start(command, tmp_path / "whole")) == 0
    run = tmp_path / "stopped"
    process = start(command, run)
    wait_for(lambda: trains(run))
    began = time.monotonic()
    os.kill(process, number)
    assert wait(process) == code
    assert time.monotonic() - began < 5
    summary = json.loads((run / "summary.json").read_text())
    assert summary["status"] == "interrupted"
    assert 0 < summary["steps"] < 60
    screen = run.with_suffix(".screen").read_text()
    assert f"the same command, hydra.run.dir={run} goes on from here" in screen
    assert "Traceback" not in screen
    assert wait(start(command, run)) == 0
    assert f"going on from {run}/checkpoints/last.ckpt" in run.with_suffix(".screen").read_text()
    assert differences(tmp_path / "whole", run) == []


def test_a_second_ctrl_c_ends_a_run_at_once(command: tuple[str, ...], tmp_path: Path) -> None:
    run = tmp_path / "stopped"
    process = start((*command, "callbacks.slow.delay=5"), run)
    wait_for(lambda: (run / "environment.json").exists() and "Params" in run.with_suffix(".screen").read_text())
    time.sleep(0.5)  # it is in the first step
    began = time.monotonic()
    os.kill(process, signal.SIGINT)
    wait_for(lambda: "Ctrl-C again ends it at once" in run.with_suffix(".screen").read_text())
    os.kill(process, signal.SIGINT)
    assert wait(process) == 130
    assert time.monotonic() - began < 4
    assert json.loads((run / "summary.json").read_text())["status"] == "interrupted"


def test_sigterm_does_not_wait_for_a_step_that_takes_too_long(command: tuple[str, ...], tmp_path: Path) -> None:
    run = tmp_path / "stopped"
    process = start((*command, "callbacks.slow.delay=20"), run)
    wait_for(lambda: (run / "environment.json").exists() and "Params" in run.with_suffix(".screen").read_text())
    time.sleep(0.5)
    began = time.monotonic()
    os.kill(process, signal.SIGTERM)
    assert wait(process) == 143
    assert time.monotonic() - began < 5
    assert json.loads((run / "summary.json").read_text())["status"] == "interrupted"


def test_slurm_queues_a_job_again_whose_time_is_up(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text(f"#!/bin/sh\necho $* > {tmp_path}/requeued\n")
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{scontrol.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    process = start(command, tmp_path / "run")
    wait_for(lambda: trains(tmp_path / "run"))
    os.kill(process, signal.SIGUSR1)
    assert wait(process) == 143
    assert (tmp_path / "requeued").read_text() == "requeue 17\n"
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()
