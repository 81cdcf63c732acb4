"""Runs at once spread evenly over the GPUs that there are."""

import multiprocessing
import signal
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from sweepformer.sweeps.processes import claim

FORK = multiprocessing.get_context("fork")


def claim_and_stay(folder: Path, tell: Connection) -> None:
    tell.send(claim(folder, ["0", "1", "2"]))
    signal.pause()


@pytest.fixture
def processes() -> Iterator[list[BaseProcess]]:
    """Those that are started, which are ended with the test."""
    started: list[BaseProcess] = []
    yield started
    for process in started:
        process.kill()
        process.join()


def test_processes_spread_evenly_and_give_back_what_they_had(tmp_path: Path, processes: list[BaseProcess]) -> None:
    def claimed_by_another() -> str:
        told, tell = FORK.Pipe(duplex=False)
        processes.append(FORK.Process(target=claim_and_stay, args=(tmp_path, tell)))
        processes[-1].start()
        return told.recv()

    devices = [claimed_by_another() for _ in range(6)]
    assert Counter(devices) == {"0": 2, "1": 2, "2": 2}
    processes[3].kill()
    processes[3].join()
    assert claimed_by_another() == devices[3]
