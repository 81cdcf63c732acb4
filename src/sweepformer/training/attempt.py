"""One try at a run: what it has come to so far, and how its end is recorded, whatever ends it."""

import gc
import logging
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import MappingProxyType

from pytorch_lightning.loggers import CSVLogger, Logger
from pytorch_lightning.utilities.exceptions import SIGTERMException

from sweepformer.errors import Diverged, SweepTerminated, UserError, comes_of_ctrl_c
from sweepformer.runs.directory import RunDirectory, Summary
from sweepformer.runs.request import Launch, Request
from sweepformer.training.callbacks.resuming import cut_back
from sweepformer.training.loggers import begin, conclude, keep_earlier_metrics
from sweepformer.training.stopping import Stop

log = logging.getLogger(__name__)


class Attempt:
    """Entered once the directory is claimed; when it is left its loggers are closed and its summary is written.

    Args:
        started: when the run began, by `time.perf_counter`.
        is_first_process: Lightning starts the command again for every further process: those train with the first,
            which alone keeps the directory.
    """

    def __init__(
        self, request: Request, directory: RunDirectory, stop: Stop, started: float, is_first_process: bool = True
    ) -> None:
        self.request, self.directory, self.stop = request, directory, stop
        self.started, self.is_first_process = started, is_first_process
        self.pretraining_seconds = 0.0
        self.loggers: list[Logger] = []
        self.summary = Summary(status="failed", config_hash=request.hash, overrides=list(request.launch.overrides))

    @property
    def seconds(self) -> float:
        """Since the run itself began, which is after its pretraining."""
        return time.perf_counter() - self.started - self.pretraining_seconds

    def begin(self, loggers: Sequence[Logger], logged: Mapping[str, int] = MappingProxyType({})) -> None:
        """Tell the loggers the settings: only of a run that nothing has refused. They are closed at its end.

        logged: bytes by name of the log files that stay; what earlier processes have logged beyond is removed, as it
        will be logged again.
        """
        if self.is_first_process:
            cut_back(self.directory.path, logged)
        if any(isinstance(one, CSVLogger) for one in loggers):
            keep_earlier_metrics(self.directory.path)
        self.loggers += loggers
        begin(loggers, self.request.config, self.summary.overrides, self.directory.sweep.get("swept", []))

    def __enter__(self) -> "Attempt":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self._note(error)
        seconds = self.summary.seconds
        if self.pretraining_seconds:
            seconds["pretraining"] = self.pretraining_seconds
        seconds["total"] = time.perf_counter() - self.started + seconds.get("earlier", 0.0)
        try:
            conclude(self.loggers, self.summary)
        finally:  # a full disk stops loggers, and their threads fail in ways of their own
            self.directory.write_summary(self.summary)
        gc.collect()  # a trainer and its parts refer to each other; the next run of this process needs their memory

    def _note(self, error: BaseException) -> None:
        directory = self.directory
        self.summary.status = self._status_after(error)
        note(error, self.summary, directory)
        if self.summary.status == "interrupted" and directory.whole is directory:
            where = f"sweep.dir={directory.path.parent}" if directory.sweep else f"run.dir={directory.path}"
            log.warning("interrupted: the same command, hydra.%s goes on from here", where)

    def _status_after(self, error: BaseException) -> str:
        if isinstance(error, Diverged):
            return "diverged"
        # A sweep stops its runs as Ctrl-C does: SIGTERM comes from somebody else, and ends this one run only.
        stopped = isinstance(error, SIGTERMException) and not self.request.launch.in_sweep
        return "interrupted" if stopped or isinstance(error, SweepTerminated) or comes_of_ctrl_c(error) else "failed"


def note(error: BaseException, summary: Summary, directory: RunDirectory) -> None:
    """Take up in the summary what ended a run; `run.log` has where that was."""
    summary.error = {"type": type(error).__name__, "message": str(error)}
    with suppress(OSError), (directory.path / "run.log").open("a", encoding="utf-8", errors="replace") as file:
        file.write("".join(traceback.format_exception(error)))


@contextmanager
def refusal_recorded(directory: RunDirectory, launch: Launch | None) -> Iterator[None]:
    """What can't be read as a request leaves a summary too, where no run's is that it would replace."""
    try:
        yield
    except UserError as error:
        if directory.read_config() is None:
            summary = Summary(status="failed", overrides=list(launch.overrides) if launch else [])
            note(error, summary, directory)
            directory.write_summary(summary)
        raise
