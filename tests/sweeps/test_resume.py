"""A sweep typed again goes on: nothing is trained twice, nothing is renumbered, nothing is overwritten."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Cli, statuses

SLOWLY = ("+callbacks.slow._target_=misbehaving.Misbehave", "+callbacks.slow.delay=0.1", "trainer.max_epochs=3")


def finished_at(sweep: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in sweep.glob("*/summary.json")}


def test_completed_runs_are_skipped_and_new_values_add_runs(shell: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    sweep = tmp_path / "multirun" / "heads"
    first = shell("-m", *tiny, "name=heads", "model.num_heads=2,4")
    assert first.code == 0, first.screen
    before = finished_at(sweep)
    assert sorted(before) == ["0-model.num_heads=2", "1-model.num_heads=4"]
    again = shell("-m", *tiny, "name=heads", "model.num_heads=1,2,4", "model.dropout=0.1,0.3")
    assert again.code == 0, again.screen
    after = finished_at(sweep)
    # The value that dropout had before is a run that is known already, whatever it is called now.
    assert {name: after[name] for name in before} == before
    assert sorted(int(name.split("-")[0]) for name in after) == [0, 1, 2, 3, 4, 5]
    assert "2 of 6 runs have their result already" in again.out
    third = shell("-m", *tiny, "name=heads", "model.num_heads=1,2,4", "model.dropout=0.1,0.3")
    assert third.code == 0
    assert finished_at(sweep) == after


def test_another_config_is_refused_with_the_difference(shell: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    assert shell("-m", *tiny, "name=heads", "model.num_heads=2,4").code == 0
    before = finished_at(tmp_path / "multirun" / "heads")
    other = shell("-m", *tiny, "name=heads", "model.num_heads=2,4", "optimizer.lr=0.5")
    assert other.code == 1
    assert "optimizer.lr: 0.001 there, 0.5 now" in other.err
    assert "Traceback" not in other.screen
    assert finished_at(tmp_path / "multirun" / "heads") == before


def test_a_killed_sweep_goes_on_where_it_was(shell: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "src.run", "-m", *tiny, *SLOWLY, "name=k", "model.num_heads=1,2,4"]
    sweep = tmp_path / "multirun" / "k"
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: (sweep / "1-model.num_heads=2" / "checkpoints" / "last.ckpt").exists())
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(0.5)
    assert not orphans(tmp_path), "a run outlived its sweep"
    before = finished_at(sweep)
    assert list(before) == ["0-model.num_heads=1"]
    again = shell(*command[3:])
    assert again.code == 0, again.screen
    assert "going on from" in again.out
    assert finished_at(sweep)["0-model.num_heads=1"] == before["0-model.num_heads=1"]
    assert set(statuses(sweep).values()) == {"completed"}
    whole = shell("-m", *tiny, *SLOWLY, "name=whole", "model.num_heads=2")
    assert whole.code == 0
    undisturbed = next((tmp_path / "multirun" / "whole").glob("0-*"))
    assert metrics(sweep / "1-model.num_heads=2") == metrics(undisturbed)


def test_a_killed_joblib_sweep_leaves_no_worker_behind(shell: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    joblib = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    command = ["-m", *tiny, *SLOWLY, *joblib, "name=j", "model.num_heads=1,2,4"]
    sweep = tmp_path / "multirun" / "j"
    process = subprocess.Popen(
        [sys.executable, "-m", "src.run", *command], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: len(list(sweep.glob("*/checkpoints/last.ckpt"))) >= 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(lambda: not orphans(tmp_path), seconds=5)
    again = shell(*command)
    assert again.code == 0, again.screen
    assert set(statuses(sweep).values()) == {"completed"}
    assert "going on from" in "".join(path.read_text() for path in sweep.glob("*/run.log"))
    assert not orphans(tmp_path)


@pytest.mark.parametrize("launcher", ["basic", "joblib", "ray", "submitit_local"])
def test_ctrl_c_leaves_every_run_resumable(shell: Cli, tiny: tuple[str, ...], tmp_path: Path, launcher: str) -> None:
    one = (f"hydra/launcher={launcher}", "hydra.launcher.n_jobs=1")
    if launcher == "ray":
        one = ("hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=1")
    command = [sys.executable, "-m", "src.run", "-m", *tiny, *SLOWLY, *one, "name=c", "model.num_heads=1,2"]
    sweep = tmp_path / "multirun" / "c"
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for(lambda: (sweep / "0-model.num_heads=1" / "checkpoints" / "last.ckpt").exists())
    process.send_signal(signal.SIGINT)
    screen, _ = process.communicate(timeout=60)
    assert process.returncode == 130, screen
    assert "Traceback" not in screen
    assert statuses(sweep) == {"model.num_heads=1": "interrupted"}
    assert shell(*command[3:]).code == 0
    assert set(statuses(sweep).values()) == {"completed"}


@pytest.mark.parametrize("isolate", ["true", "false"])
def test_sigterm_leaves_every_run_resumable(shell: Cli, tiny: tuple[str, ...], tmp_path: Path, isolate: str) -> None:
    one = (*SLOWLY, f"hydra.launcher.isolate={isolate}", "name=t", "model.num_heads=1,2")
    command = [sys.executable, "-m", "src.run", "-m", *tiny, *one]
    sweep = tmp_path / "multirun" / "t"
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for(lambda: (sweep / "0-model.num_heads=1" / "checkpoints" / "last.ckpt").exists())
    process.send_signal(signal.SIGTERM)
    screen, _ = process.communicate(timeout=60)
    assert process.returncode == 143, screen
    assert "Traceback" not in screen
    assert statuses(sweep) == {"model.num_heads=1": "interrupted"}
    assert shell(*command[3:]).code == 0
    assert set(statuses(sweep).values()) == {"completed"}


def test_a_second_process_is_refused(shell: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "src.run", "-m", *tiny, *SLOWLY, "name=two", "model.num_heads=1,2"]
    first = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: (tmp_path / "multirun" / "two" / "0-model.num_heads=1" / ".hydra" / "config.json").exists())
    second = shell(*command[3:])
    assert second.code == 1
    assert "another process is sweeping into" in second.err
    assert first.wait(timeout=120) == 0
    assert set(statuses(tmp_path / "multirun" / "two").values()) == {"completed"}


def wait_for(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


def test_a_preempted_job_is_queued_again_and_goes_on(shell: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    """Slurm's signal, sent to a job of submitit's own executor."""
    options = (*SLOWLY, "callbacks.slow.delay=0.5", "name=p", "hydra/launcher=submitit_local", "model.num_heads=2")
    sweep = tmp_path / "multirun" / "p"
    process = subprocess.Popen(
        [sys.executable, "-m", "src.run", "-m", *tiny, *options],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    wait_for(lambda: any(sweep.glob("0-*/checkpoints/last.ckpt")))
    (job,) = (one for one in orphans(tmp_path) if b"submitit.core._submit" in Path(f"/proc/{one}/cmdline").read_bytes())
    os.kill(job, signal.SIGUSR2)
    screen, _ = process.communicate(timeout=120)
    assert process.returncode == 0, screen
    assert set(statuses(sweep).values()) == {"completed"}
    logged = "".join(path.read_text() for path in sweep.glob("0-*/run.log"))
    assert "going on from" in logged
    assert "interrupted" in logged


def orphans(directory: Path) -> list[int]:
    """Processes that work in `directory`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd") == str(directory):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def metrics(run: Path) -> dict[str, float]:
    return json.loads((run / "summary.json").read_text())["metrics"]
