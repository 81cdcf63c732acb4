"""Jobs in processes of their own, forked from one that has loaded torch already, and the GPU that each works on.

A job that leaks memory, crashes or is killed takes nothing with it, and the next one starts in milliseconds.
"""

import ctypes
import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from filelock import FileLock
from hydra.core.utils import JobReturn, JobStatus

from sweepformer.files import locks
from sweepformer.training.loading import load_run

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
GRACE = 60.0  # seconds that an interrupted run gets to write its checkpoint and summary

_held: list[FileLock] = []  # the GPUs that this process has claimed, until it ends


def warm_up() -> None:
    """Load what every job needs once, before the forks that inherit it."""
    import sweepformer.tasks.figures  # noqa: F401

    load_run()


def run_in_processes(jobs: Iterable[Callable[[], object]], at_once: int) -> list[str | None]:
    """Run every job, `at_once` at a time, each in a fork of this process; the next is asked for when there is room.

    With several at once each gets an equal share of the CPUs, so that they don't fight over them, or fewer threads if
    OMP_NUM_THREADS says so. Jobs die with this process; if it is interrupted they are too, and get time to write what
    they have. Returns for every job how it ended, if it ended badly, else None.
    """
    context = multiprocessing.get_context("fork")
    threads = max(1, (os.cpu_count() or 1) // at_once) if at_once > 1 else None
    endings: list[str | None] = []
    waiting = iter(jobs)
    running: dict[int, tuple[int, BaseProcess]] = {}
    try:
        while True:
            while len(running) < at_once and (job := next(waiting, None)):
                process: BaseProcess = context.Process(target=_child, args=(job, threads, os.getpid()))
                process.start()
                running[process.sentinel] = len(endings), process
                endings.append(None)
            if not running:
                break
            for sentinel in multiprocessing.connection.wait(list(running)):
                number, ended = running.pop(sentinel)  # type: ignore[arg-type]  # what was put in comes out
                ended.join()
                endings[number] = _describe(ended.exitcode or 0)
                ended.close()
    except BaseException:
        _interrupt([process for _, process in running.values()])
        raise
    return endings


def _describe(code: int) -> str | None:
    if code < 0:
        names = {int(one): one.name for one in signal.Signals}  # real-time signals have none
        name = names.get(-code, f"signal {-code}")
        why = ": killed from outside, or out of memory" if -code == signal.SIGKILL else ""
        return f"the run's process was ended by {name}{why}"
    return f"the run ended with exit code {code} and could not say why in its summary" if code else None


def _belong_to(sweep: int) -> None:
    """Let this process end with the sweep of that process id, and be told by it alone to stop."""
    # A group of its own: Ctrl-C reaches the sweep, which then tells its jobs, once.
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: an orphan would go on training
        if os.getppid() != sweep:
            os._exit(1)


def _child(job: Callable[[], object], threads: int | None, parent: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _belong_to(parent)
    if threads:
        import torch

        threads = min(threads, torch.get_num_threads())
        torch.set_num_threads(threads)
        os.environ |= dict.fromkeys(THREAD_VARIABLES, str(threads))  # for what is loaded later
    try:
        result = job()
    except KeyboardInterrupt:
        sys.exit(130)
    if isinstance(result, JobReturn) and result.status is JobStatus.FAILED:
        sys.exit(1)


def _interrupt(processes: list[BaseProcess]) -> None:
    """Ask running jobs to stop; a second Ctrl-C, or the end of their grace, ends them at once."""
    try:
        for process in processes:
            if process.is_alive() and process.pid:
                os.kill(process.pid, signal.SIGINT)
        end = time.monotonic() + GRACE
        for process in processes:
            process.join(max(0.0, end - time.monotonic()))
    except KeyboardInterrupt:
        pass
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
                process.join()


def claim_gpu(sweep: Path, trainer: dict[str, object]) -> None:
    """Let this process see one GPU only, so that the runs of a sweep spread evenly over all.

    Does nothing where there is no choice, where a launcher has chosen already, or where a run wants several.
    """
    if _held or trainer.get("devices") not in (1, "1") or trainer.get("accelerator") == "cpu":
        return
    import torch

    # Counted without starting CUDA, which would read the variable set below too early: is_available() does that.
    if torch.cuda.device_count() < 2:
        return
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = visible.split(",") if visible else [str(number) for number in range(torch.cuda.device_count())]
    if len(devices) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = claim(sweep / ".devices", devices)


def claim(folder: Path, devices: Sequence[str]) -> str:
    """The device that fewest processes have claimed; the claim ends with this process, however it ends."""
    for place in itertools.count():
        for device in devices:
            if lock := locks.claim(folder / f"{device}-{place}"):
                _held.append(lock)
                return device
    raise AssertionError("there is always a next place")
