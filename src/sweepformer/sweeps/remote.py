"""Jobs that run in processes of somebody else's: Ray's workers, submitit's and Slurm's jobs.

A job that raises has written its summary, and one whose process is gone is told from its neighbours: its ending
is returned, and the others are waited for.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from sweepformer.sweeps.hydra import JobCall, error_of, shared_state, take_over
from sweepformer.sweeps.processes import GRACE


class Portable:
    """A job with what it needs of this process: Hydra's singletons, working directory, import path, command line.

    Called it returns None, or how the job ended if it ended badly.
    """

    def __init__(self, job: JobCall) -> None:
        self.job, self.state = job, shared_state()
        self.directory, self.path, self.command = os.getcwd(), list(sys.path), list(sys.argv)

    def __call__(self) -> str | None:
        sys.path.extend(one for one in self.path if one not in sys.path)
        sys.argv = self.command  # it is recorded, and messages advise commands in its words
        os.chdir(self.directory)
        take_over(self.state)
        return error_of(self.job())


class Requeued(Portable):
    """A job that is queued again when it is pre-empted or its time is up, and then goes on in its directory.

    submitit would queue it again at its signal, in the middle of whatever the run is doing. Here the run is
    interrupted first, as by Ctrl-C, writes what it has, and is queued again after that.
    """

    def __call__(self) -> str | None:
        from submitit.core.job_environment import JobEnvironment

        asked = False

        def interrupt(*_: object) -> None:
            nonlocal asked
            asked = True
            signal.raise_signal(signal.SIGINT)

        of_submitit = JobEnvironment._usr_sig()
        queue_again: Any = signal.signal(of_submitit, interrupt)
        try:
            return super().__call__()
        except KeyboardInterrupt:
            if asked:
                queue_again(of_submitit, None)  # ends this process
            raise

    def checkpoint(self) -> Any:
        """What submitit queues again: the same job."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def run_on_ray(options: dict[str, Any], jobs: Iterable[JobCall], at_once: int | None) -> list[str | None]:
    """Run every job as a task on a Ray cluster, which is started if `options.init` names none.

    options: `init`, the arguments of `ray.init`, and `remote`, those of `ray.remote`; at_once: the next job is asked
    for when fewer are running; 0: as many as fit on the cluster; None: all are queued, Ray knows its own room.
    """
    import ray

    def running(tasks: list[Any]) -> int:
        return len(tasks) - len(ray.wait(tasks, num_returns=len(tasks), timeout=0)[0]) if tasks else 0

    started_here = not ray.is_initialized()
    if started_here:
        # Without an address Ray would join whatever cluster was started last on this machine.
        address = options["init"].get("address") or "local"
        # A cluster on this machine needs no address that others could reach it by.
        host = "127.0.0.1" if address == "local" else address.rpartition(":")[0]
        here = {"_node_ip_address": host} if host.startswith("127.") else {}
        ray.init(**{"log_to_driver": True, **here, **options["init"], "address": address})
    started: list[Any] = []
    try:
        # Ray's own retry would hide that a worker was killed.
        run: Any = ray.remote(**{"max_retries": 0, **options["remote"]})(_call)
        get: Any = ray.get  # typed for lists of results too
        _as_there_is_room(
            jobs,
            start=lambda job: run.remote(Portable(job)),
            running=running,
            at_once=_room(ray.cluster_resources(), options["remote"]) if at_once == 0 else at_once,
            started=started,
        )
        return [_outcome(partial(get, one)) for one in started]
    except BaseException:
        for one in reversed(started):  # those that wait first: they would begin in the place of one that ends
            ray.cancel(one)
        _wait(lambda: not running(started))
        raise
    finally:
        if started_here:
            ray.shutdown()


def _room(cluster: dict[str, float], task: dict[str, Any]) -> int:
    """How many tasks fit on a cluster at once."""
    needs = {"CPU": task.get("num_cpus"), "GPU": task.get("num_gpus"), **(task.get("resources") or {})}
    return max(1, min((int(cluster.get(name, 0) / need) for name, need in needs.items() if need), default=1))


def run_under_submitit(
    executor: str, folder: str, parameters: dict[str, Any], jobs: Iterable[JobCall], at_once: int | None
) -> list[str | None]:
    """Run every job under submitit, on Slurm as one array.

    executor: "slurm" or "local"; parameters: what it takes, those that only Slurm knows without a prefix; at_once: the
    next job is asked for when fewer are running; None or 0: all are submitted.
    """
    import submitit

    common = {"timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name"}
    common.add("stderr_to_stdout")
    given = {key: value for key, value in parameters.items() if value is not None}
    again = {f"{executor}_max_num_timeout": given.pop("max_num_timeout")} if "max_num_timeout" in given else {}
    runner = submitit.AutoExecutor(folder=folder, cluster=executor, **again)
    runner.update_parameters(**{key if key in common else f"{executor}_{key}": given[key] for key in given})
    submitted: list[Any] = []
    try:
        if not at_once:
            with runner.batch():
                submitted += [runner.submit(Requeued(job)) for job in jobs]
        else:
            _as_there_is_room(
                jobs,
                start=lambda job: runner.submit(Requeued(job)),
                running=lambda tasks: sum(not one.done() for one in tasks),
                at_once=at_once,
                started=submitted,
            )
        return [_outcome(one.result) for one in submitted]
    except BaseException:
        for one in submitted:
            _interrupt(one, executor)
        _wait(lambda: all(one.done() for one in submitted))
        for one in submitted:
            one.cancel(check=False)
        raise


def _interrupt(job: Any, executor: str) -> None:
    """Ask a job under submitit to stop, as far as it can be asked; Slurm ends it, after a grace of its own."""
    if executor != "local":
        job.cancel(check=False)
        return
    # cancel() would give it a second: the run is not submitit's process, but that one's child.
    with suppress(OSError):
        for child in Path(f"/proc/{job.job_id}/task/{job.job_id}/children").read_text().split():
            os.kill(int(child), signal.SIGINT)


def _as_there_is_room(
    jobs: Iterable[JobCall],
    start: Callable[[JobCall], Any],
    running: Callable[[list[Any]], int],
    at_once: int | None,
    started: list[Any] | None = None,
) -> list[Any]:
    """Start every job, each when fewer than `at_once` of those `started` are running."""
    started = [] if started is None else started
    waiting = iter(jobs)
    while True:
        if at_once is None or not started or running(started) < at_once:
            job = next(waiting, None)
            if job is None:
                return started
            started.append(start(job))
        else:
            time.sleep(0.2)


def _wait(is_over: Callable[[], bool]) -> None:
    """Give interrupted jobs their grace; a second Ctrl-C ends it."""
    with suppress(KeyboardInterrupt):
        end = time.monotonic() + GRACE
        while not is_over() and time.monotonic() < end:
            time.sleep(0.2)


def _call(job: Portable) -> str | None:
    return job()


def _outcome(result: Callable[[], str | None]) -> str | None:
    """What a job says of itself, or that its worker was lost and could not."""
    try:
        return result()
    except Exception as error:
        last = (str(error).strip().splitlines() or [""])[-1].strip()
        return f"its worker was lost ({type(error).__name__}: {last})"
