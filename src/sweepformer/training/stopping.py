"""Signals that tell a run to end, and how long it may take."""

import logging
import os
import signal
import subprocess
import threading
from types import FrameType
from typing import Any

from pytorch_lightning.utilities.exceptions import SIGTERMException

log = logging.getLogger(__name__)

PATIENCE = 3.5  # seconds that a step may still take after SIGTERM, which whoever sends it follows up with SIGKILL
ANNOUNCED = b"\nThis step is finished and saved, then the run ends. Ctrl-C again ends it at once.\n"


class Stop:
    """Holds back the first Ctrl-C or SIGTERM while a run trains, until it can be saved; the same again ends it at once.

    The other one is no impatience: a sweep that is told to end tells its runs by Ctrl-C, and whoever told it may have
    told them too. While nothing is trained the first one ends the run. Under Slurm SIGUSR1, sent before the time is up,
    ends the run as SIGTERM does and queues its job again. Entered as a context in a process's main thread; elsewhere
    signals are left to others.
    """

    def __init__(self) -> None:
        self._signal: int | None = None
        self._received: set[int] = set()
        self._waiting = self._is_saving = False
        self._before: dict[int, Any] = {}

    @property
    def asked(self) -> bool:
        """Whether the run was told to end."""
        return self._signal is not None

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
                self._before[number] = signal.signal(number, self._receive)
            # A launcher of Slurm jobs has ways of its own.
            if "SLURM_JOB_ID" in os.environ and signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:
                self._before[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, self._receive)
        return self

    def __exit__(self, *error: object) -> None:
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._signal == signal.SIGUSR1 and os.environ.get("SLURM_PROCID", "0") == "0":
            _requeue()

    def wait_for_a_good_moment(self) -> None:
        """From now on a signal waits for `now`."""
        self._waiting = True
        if signal.SIGTERM in self._before:
            signal.signal(signal.SIGTERM, self._receive)  # Lightning has put its own over it

    def wait_no_longer(self) -> None:
        """From now on a signal ends the run where it is."""
        self._waiting = False
        if self.asked:
            self.now()

    def saving(self) -> None:
        """The step is over, and writing a checkpoint may take what it takes."""
        self._is_saving = True
        signal.setitimer(signal.ITIMER_REAL, 0)

    def now(self) -> None:
        """End the run, if it was told to: by the exception that stands for the signal."""
        self._waiting = False
        before = self._before.get(self._signal or 0)
        if self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        if callable(before):  # a sweep in this process, which is to end too
            before(self._signal, None)
        raise SIGTERMException

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGALRM:
            self.now()
        again = number in self._received
        self._received.add(number)
        if not self.asked or number == signal.SIGINT:
            self._signal = number
        if again or not self._waiting:
            self.now()
        os.write(2, ANNOUNCED)  # a logger, or print, may be at work already
        if number == signal.SIGTERM and not self._is_saving:
            signal.setitimer(signal.ITIMER_REAL, PATIENCE)


def _requeue() -> None:
    """Ask Slurm to queue this job again. Where that can't be asked for, the run ends as it would have."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    job = f"{array}_{os.environ.get('SLURM_ARRAY_TASK_ID')}" if array else os.environ["SLURM_JOB_ID"]
    try:
        refused: object = subprocess.run(["scontrol", "requeue", job], check=False).returncode
    except OSError as error:  # in a container
        refused = error.strerror
    if refused:
        log.warning("warning: job %s is not queued again (scontrol: %s). The same command goes on", job, refused)
