"""No worker waits for another's run: the next job is asked for when there is room."""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from yaml import safe_load

from sweepformer.config.presets import CONF
from sweepformer.sweeps.processes import run_in_processes, warm_up
from sweepformer.sweeps.remote import _as_there_is_room, _room


def work(folder: Path, number: int, seconds: float) -> None:
    time.sleep(seconds)
    (folder / str(number)).write_text(str(time.monotonic()))


def test_a_slow_run_holds_nobody_up(tmp_path: Path) -> None:
    warm_up()  # as a sweep does: otherwise each fork would wait for torch
    asked: list[int] = []

    def jobs() -> Iterator[Callable[[], None]]:
        for number in range(5):
            asked.append(sum(1 for _ in tmp_path.iterdir()))
            yield partial(work, tmp_path, number, 3.0 if number == 0 else 0.05)

    assert run_in_processes(jobs(), at_once=2) == [None] * 5
    ended = {path.name: float(path.read_text()) for path in tmp_path.iterdir()}
    assert max(ended, key=ended.__getitem__) == "0"
    assert asked == [0, 0, 1, 2, 3], "each was asked for when another had ended"


def test_remote_jobs_are_started_as_there_is_room() -> None:
    looks = iter([1, 2, 2, 1, 0, 1])  # how many are found running, look by look
    seen: list[int] = []

    def running(tasks: list[int]) -> int:
        seen.append(next(looks))
        return seen[-1]

    def start(number: int) -> tuple[int, int]:
        return number, len(seen)

    started = _as_there_is_room(range(4), start, running, at_once=2)  # type: ignore[arg-type]
    # The first without a look; the second at once; the third when there was room again.
    assert started == [(0, 0), (1, 1), (2, 4), (3, 5)]


def test_a_cluster_takes_as_many_as_its_scarcest_resource_allows() -> None:
    assert _room({"CPU": 16.0, "GPU": 2.0}, {"num_cpus": 2, "num_gpus": 0.5}) == 4
    assert _room({"CPU": 16.0}, {"num_cpus": 1, "num_gpus": 0}) == 16


def test_a_real_time_signal_is_told_too() -> None:
    assert "signal 40" in str(run_in_processes([lambda: os.kill(os.getpid(), 40)], at_once=1)[0])


@pytest.mark.parametrize(("threads", "each"), [(8, 4), (3, 3)])
def test_runs_at_once_share_the_cpus_and_take_no_more_than_they_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, each: int
) -> None:
    """OMP_NUM_THREADS=3 is what a user may have said: torch then has no more."""
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)

    def told(number: int) -> None:
        taken = torch.__config__.parallel_info().splitlines()[1].strip()
        (tmp_path / str(number)).write_text(f"{taken} {os.environ['OMP_NUM_THREADS']}")

    assert run_in_processes([partial(told, number) for number in range(2)], at_once=2) == [None, None]
    assert {path.read_text().rsplit(maxsplit=2)[-2:] == [str(each)] * 2 for path in tmp_path.iterdir()} == {True}


def test_joblib_is_another_name_for_as_many_runs_as_there_are_cpus() -> None:
    basic, joblib = (safe_load((CONF / f"hydra/launcher/{name}.yaml").read_text()) for name in ("basic", "joblib"))
    assert joblib == {**basic, "n_jobs": -1}
