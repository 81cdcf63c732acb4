"""Jobs in joblib's worker processes, which load torch once and are kept from run to run.

Every worker is a pool of its own: joblib gives up a whole pool when one of its processes is killed.
"""

import os
import signal
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from typing import Any

from sweepformer.sweeps.processes import GRACE, belong_to
from sweepformer.sweeps.remote import Job, Portable, outcome

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Interruptible(Portable):
    """A job that Ctrl-C reaches. A worker's signals are blocked otherwise: it waits for work, or loads torch."""

    def __call__(self) -> str | None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            return super().__call__()
        except KeyboardInterrupt:
            return None  # its summary says so
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def run_in_workers(jobs: Iterable[Job], at_once: int) -> list[str | None]:
    """Run every job, `at_once` at a time; the next is asked for when there is room.

    Each worker gets an equal share of the CPUs. Workers die with this process; if it is interrupted their runs are
    too, and get time to write what they have.

    Returns:
        For every job how it ended, if it ended badly, else None.
    """
    endings: list[str | None] = []
    waiting = iter(jobs)
    idle: list[Any] = []
    running: dict[Future[str | None], tuple[int, Any]] = {}
    try:
        while True:
            while len(running) < at_once and (job := next(waiting, None)):
                worker = idle.pop() if idle else _worker(at_once)
                running[_submit(worker, Interruptible(job))] = len(endings), worker
                endings.append(None)
            if not running:
                return endings
            for ended in wait(running, return_when=FIRST_COMPLETED).done:
                number, worker = running.pop(ended)
                endings[number] = outcome(ended.result)
                if ended.exception():
                    worker.shutdown(kill_workers=True)
                else:
                    idle.append(worker)
    except BaseException:
        _interrupt(running)
        raise
    finally:
        for worker in idle:
            worker.shutdown(wait=False)
        for _, worker in running.values():
            worker.shutdown(kill_workers=True)


def _worker(at_once: int) -> Any:
    from joblib.externals.loky.process_executor import ProcessPoolExecutor

    threads = str(max(1, (os.cpu_count() or 1) // at_once))
    share = {name: os.environ.get(name, threads) for name in THREAD_VARIABLES}
    return ProcessPoolExecutor(max_workers=1, initializer=belong_to, initargs=(os.getpid(),), env=share)


def _submit(worker: Any, job: Interruptible) -> "Future[str | None]":
    # A worker that starts here inherits what is blocked: Ctrl-C waits until there is a job to interrupt.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return worker.submit(job)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _interrupt(running: dict["Future[str | None]", tuple[int, Any]]) -> None:
    """Ask running jobs to stop; a second Ctrl-C, or the end of their grace, ends them at once."""
    with suppress(KeyboardInterrupt):
        for _, worker in running.values():
            for process in list(worker._processes):  # which loky doesn't tell otherwise
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGINT)
        wait(running, timeout=GRACE)
