"""One try at a run: what it has come to so far, and how its end is recorded, whatever ends it."""

import gc
import logging
import time
import traceback
from contextlib import suppress
from pathlib import Path

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.exceptions import SIGTERMException

from sweepformer.errors import Diverged, SweepTerminated, comes_of_ctrl_c
from sweepformer.runs.directory import RunDirectory, Summary
from sweepformer.runs.request import Request
from sweepformer.training.callbacks.resuming import cut_back
from sweepformer.training.checkpoints import resume_checkpoint
from sweepformer.training.loggers import begin, conclude
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

    def checkpoint_to_go_on_from(self) -> Path | None:
        """The checkpoint; what earlier processes have logged after it is removed, as it will be logged again."""
        found = resume_checkpoint(self.directory, self.request.config)
        path, content = found if found else (None, {})
        if self.is_first_process:
            cut_back(self.directory.path, content.get("callbacks", {}).get("LogFiles", {}))
        return path

    def begin(self, loggers: list[Logger]) -> None:
        """Tell the loggers the settings: only of a run that nothing has refused. They are closed at its end."""
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
        self.summary.status = self._status_after(error)
        self.summary.error = {"type": type(error).__name__, "message": str(error)}
        directory = self.directory
        if self.summary.status == "interrupted" and directory.whole is directory:
            where = f"sweep.dir={directory.path.parent}" if directory.sweep else f"run.dir={directory.path}"
            log.warning("interrupted: the same command, hydra.%s goes on from here", where)
        with suppress(OSError), (directory.path / "run.log").open("a", encoding="utf-8", errors="replace") as file:
            file.write("".join(traceback.format_exception(error)))

    def _status_after(self, error: BaseException) -> str:
        if isinstance(error, Diverged):
            return "diverged"
        # A sweep stops its runs as Ctrl-C does: SIGTERM comes from somebody else, and ends this one run only.
        stopped = isinstance(error, SIGTERMException) and not self.request.launch.in_sweep
        return "interrupted" if stopped or isinstance(error, SweepTerminated) or comes_of_ctrl_c(error) else "failed"
