"""Runs that draw bars beside each other don't wait for one that is gone."""

import os
import signal

from sweepformer.screen.progress_bar import tqdm


def test_a_process_that_is_killed_while_it_draws_stops_no_other() -> None:
    tqdm.get_lock()  # made before the fork, as where runs are forked
    if not (child := os.fork()):
        tqdm.get_lock().acquire()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert tqdm.get_lock().acquire(timeout=10)
    tqdm.get_lock().release()
