"""A sweep typed again goes on: nothing is trained twice, nothing is renumbered, nothing is overwritten."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Cli, statuses
from forked_commands import Start
from moments import ANNOUNCED, HELD, Moment, processes_in, wait_for

Hold = Callable[..., Moment]
# Each of these starts servers or jobs of its own, which take a minute.
LAUNCHERS = ["basic", "joblib", *(pytest.param(name, marks=pytest.mark.slow) for name in ("ray", "submitit_local"))]


def finished_at(sweep: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in sweep.glob("*/summary.json")}


def test_completed_runs_are_skipped_and_new_values_add_runs(shell: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    sweep = tmp_path / "multirun" / "heads"
    first = shell("-m", *tiny, "name=heads", "model.num_heads=2,4")
    assert first.code == 0, first.screen
    before = finished_at(sweep)
    assert sorted(before) == ["0-model.num_heads=2", "1-model.num_heads=4"]
    (sweep / ".sweep.json-x.part").touch()  # a killed process was at it
    again = shell("-m", *tiny, "name=heads", "model.num_heads=1,2,4", "model.dropout=0.1,0.3")
    assert again.code == 0, again.screen
    assert not list(sweep.glob(".*.part"))
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
    assert "optimizer.lr: null there, 0.5 now" in other.err
    assert "Traceback" not in other.screen
    assert finished_at(tmp_path / "multirun" / "heads") == before


def test_a_killed_sweep_goes_on_where_it_was(
    start: Start, shell: Cli, tiny: tuple[str, ...], tmp_path: Path, hold: Hold
) -> None:
    command = ("-m", *tiny, *HELD, "name=k", "model.num_heads=1,2,4")
    sweep, second = tmp_path / "multirun" / "k", hold("1-")
    process = start(*command)
    second.wait()
    process.kill()
    wait_for(lambda: not processes_in(tmp_path))  # no run outlives its sweep
    before = finished_at(sweep)
    assert list(before) == ["0-model.num_heads=1"]
    second.let_go()
    again = shell(*command)
    assert again.code == 0, again.screen
    assert "going on from" in again.out
    assert finished_at(sweep)["0-model.num_heads=1"] == before["0-model.num_heads=1"]
    assert set(statuses(sweep).values()) == {"completed"}
    whole = shell("-m", *tiny, *HELD, "name=whole", "model.num_heads=2")
    assert whole.code == 0
    undisturbed = next((tmp_path / "multirun" / "whole").glob("0-*"))
    assert metrics(sweep / "1-model.num_heads=2") == metrics(undisturbed)


def test_a_killed_sweep_of_runs_at_once_leaves_none_behind(
    start: Start, shell: Cli, tiny: tuple[str, ...], tmp_path: Path, hold: Hold
) -> None:
    """Killed while two runs are at work; those are gone on with by another launcher."""
    command = ("-m", *tiny, *HELD, "name=j", "model.num_heads=1,2,4")
    sweep, first_two = tmp_path / "multirun" / "j", hold("0-", "1-")
    process = start(*command, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    first_two.wait()
    process.kill()
    wait_for(lambda: not processes_in(tmp_path))
    first_two.let_go()
    again = shell(*command)
    assert again.code == 0, again.screen
    assert set(statuses(sweep).values()) == {"completed"}
    assert sum("going on from" in path.read_text() for path in sweep.glob("*/run.log")) == 2


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_ctrl_c_leaves_every_run_resumable(
    start: Start, shell: Cli, tiny: tuple[str, ...], tmp_path: Path, launcher: str, hold: Hold
) -> None:
    one = (f"hydra/launcher={launcher}", "hydra.launcher.n_jobs=1")
    if launcher == "ray":
        one = ("hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=1")
    command = ("-m", *tiny, *HELD, *one, "name=c", "model.num_heads=1,2")
    sweep, first = tmp_path / "multirun" / "c", hold("0-")
    process = start(*command)
    first.wait()
    process.send_signal(signal.SIGINT)
    wait_for(lambda: ANNOUNCED in process.screen or announced_in_a_log(sweep))
    first.let_go()
    assert process.wait() == 130, process.screen
    assert "Traceback" not in process.screen
    assert statuses(sweep) == {"model.num_heads=1": "interrupted"}
    assert shell(*command).code == 0
    assert set(statuses(sweep).values()) == {"completed"}
    wait_for(lambda: not processes_in(tmp_path))


@pytest.mark.parametrize("isolate", ["true", "false"])
def test_sigterm_leaves_every_run_resumable(
    start: Start, shell: Cli, tiny: tuple[str, ...], tmp_path: Path, isolate: str, hold: Hold
) -> None:
    command = ("-m", *tiny, *HELD, f"hydra.launcher.isolate={isolate}", "name=t", "model.num_heads=1,2")
    sweep, first = tmp_path / "multirun" / "t", hold("0-")
    process = start(*command)
    first.wait()
    process.send_signal(signal.SIGTERM)
    wait_for(lambda: ANNOUNCED in process.screen)
    first.let_go()
    assert process.wait() == 143, process.screen
    assert "Traceback" not in process.screen
    assert statuses(sweep) == {"model.num_heads=1": "interrupted"}
    assert shell(*command).code == 0
    assert set(statuses(sweep).values()) == {"completed"}


def test_a_second_process_is_refused(
    start: Start, shell: Cli, tiny: tuple[str, ...], tmp_path: Path, hold: Hold
) -> None:
    command = ("-m", *tiny, *HELD, "name=two", "model.num_heads=1,2")
    run = hold("0-")
    first = start(*command)
    run.wait()
    second = shell(*command)
    assert second.code == 1
    assert "another process is sweeping into" in second.err
    run.let_go()
    assert first.wait() == 0
    assert set(statuses(tmp_path / "multirun" / "two").values()) == {"completed"}


def test_a_preempted_job_is_queued_again_and_goes_on(
    start: Start, tiny: tuple[str, ...], tmp_path: Path, hold: Hold
) -> None:
    """Slurm's signal, sent to a job of submitit's own executor."""
    sweep, run = tmp_path / "multirun" / "p", hold("0-")
    process = start("-m", *tiny, *HELD, "name=p", "hydra/launcher=submitit_local", "model.num_heads=2")
    run.wait()
    (job,) = (
        one for one in processes_in(tmp_path) if b"submitit.core._submit" in Path(f"/proc/{one}/cmdline").read_bytes()
    )
    os.kill(job, signal.SIGUSR2)
    wait_for(lambda: announced_in_a_log(sweep))
    run.let_go()
    assert process.wait() == 0, process.screen
    assert set(statuses(sweep).values()) == {"completed"}
    logged = "".join(path.read_text() for path in sweep.glob("0-*/run.log"))
    assert "going on from" in logged
    assert "interrupted" in logged


def announced_in_a_log(sweep: Path) -> bool:
    """Whether a job of submitit, which has a screen of its own, was told to end."""
    return any(ANNOUNCED in log.read_text() for log in (sweep / ".submitit").rglob("*.err"))


def metrics(run: Path) -> dict[str, float]:
    return json.loads((run / "summary.json").read_text())["metrics"]
