"""How far a sweep is, while it runs."""

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from sweepformer.runs.directory import RunDirectory

log = logging.getLogger(__name__)

INTERVAL = 1.0  # seconds between looks at the directories
# A fork while this thread writes would leave the child with a lock that nobody releases.
_writing = threading.Lock()
os.register_at_fork(before=_writing.acquire, after_in_parent=_writing.release, after_in_child=_writing.release)


class SweepProgress:
    """Writes a line whenever a run of the sweep begins or ends.

    It looks at what runs leave on disk, and so works for runs in other processes and on other machines.

    runs: asked for the directories of all runs there are, which may become more; planned: how many there will be.
    """

    def __init__(self, runs: Callable[[], Sequence[RunDirectory]], planned: int) -> None:
        self._runs, self._planned = runs, planned
        self._began = time.time()
        self._before = sum(run.result is not None for run in runs())
        self._last: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="sweep progress")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(INTERVAL):
            with _writing:
                self._write()

    def _write(self) -> None:
        runs = self._runs()
        total = max(self._planned, len(runs))
        counts = Counter(run.state(since=self._began) for run in runs)
        if counts == self._last:
            return
        self._last = counts
        done = len(runs) - counts["waiting"] - counts["running"]
        parts = [f"{number} {state}" for state, number in sorted(counts.items()) if state != "waiting"]
        line = f"sweep: {done}/{total} done ({', '.join(parts) or 'starting'})"
        ended = done - self._before
        if ended and done < total:
            left = (time.time() - self._began) / ended * (total - done - counts["running"] / 2)
            line += f", about {_readable(left)} left"
        log.info(line)


def _readable(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
