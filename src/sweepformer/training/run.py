"""One run, from what was asked to its summary: decided first, built then."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytorch_lightning as pl
from omegaconf import DictConfig

from sweepformer.config.targets import trusting
from sweepformer.data.corpus import prepare
from sweepformer.data.store import Store
from sweepformer.data.tokenizer import parse_tokenizer
from sweepformer.files.atomic import write_text
from sweepformer.lightning_internals import process_rank
from sweepformer.runs.directory import PRETRAINING, RunDirectory, Summary
from sweepformer.runs.request import Launch, Request, read
from sweepformer.training.attempt import Attempt, refusal_recorded
from sweepformer.training.baseline_run import fit_baseline, is_baseline
from sweepformer.training.building import build_training, fit_wide_path
from sweepformer.training.checkpoints import resume_checkpoint
from sweepformer.training.checks import check, silence_known_warnings
from sweepformer.training.fitting import fit, test
from sweepformer.training.initialization import (
    Pretrained,
    open_pretrained,
    refuse_other_tokenizer,
    tell_what_is_taken,
    warn,
)
from sweepformer.training.loggers import build_loggers
from sweepformer.training.plan import choose_device, settle
from sweepformer.training.records import print_result, record_environment, record_plan
from sweepformer.training.stopping import Stop

log = logging.getLogger(__name__)

_RUNNING: dict[int, threading.RLock] = {}  # by process: a fork has a lock of its own


def run(composed: DictConfig, path: Path, launch: Launch | None = None) -> Summary:
    """Train, test and record one run in the directory `path`; if that holds its result already, return it.

    composed: the config, whose interpolations need not be resolved. Runs of several threads wait for each other: all
    draw from the random numbers of the process.

    Raises:
        UserError: the config or the data can't be used as they are. The run's summary says so too.
    """
    with _one_at_a_time():
        started = time.perf_counter()
        silence_known_warnings()
        directory = RunDirectory(path)
        if process_rank():
            request = read(composed, launch)
            with trusting(request.packages):
                return _join(request, directory, started)
        with directory.held(), Stop() as stop:
            with refusal_recorded(directory, launch):
                request = read(composed, launch)
            with trusting(request.packages):
                return _run_in(directory, request, stop, started)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    lock = _RUNNING.setdefault(os.getpid(), threading.RLock())
    if not lock.acquire(blocking=False):
        log.info("another thread of this process is training a run: waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _run_in(directory: RunDirectory, request: Request, stop: Stop, started: float) -> Summary:
    if recorded := directory.claim(request.config, request.files):
        log.info("%s holds this run's result already: nothing to do", directory.path)
        print_result(recorded, directory.path, request.monitor)
        return recorded
    with Attempt(request, directory, stop, started) as attempt:
        check(request)
        begins_with = _pretrain(request, attempt) or request.begins_with
        if is_baseline(request.config["model"]):
            fit_baseline(attempt)
        else:
            _train(attempt, begins_with)
    print_result(attempt.summary, directory.path, request.monitor)
    return attempt.summary


def _train(attempt: Attempt, begins_with: str | None) -> None:
    """Train, choose the best checkpoint on validation, test it; the attempt's summary takes up what came out."""
    request, directory, config = attempt.request, attempt.directory, attempt.request.config
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    resumed = resume_checkpoint(directory, config)
    device = choose_device(config["trainer"])
    pretrained = open_pretrained(begins_with) if begins_with else None
    if pretrained:
        warn(pretrained, config, request.kind.labelled)
    store = _rows(request, pretrained, attempt)
    plan = settle(request, store, device, pretrained)
    if attempt.is_first_process:
        record_plan(plan, store, directory)
    loggers = build_loggers(config.get("logger") or {}, directory) if attempt.is_first_process else []
    training = build_training(plan, store, attempt, pretrained, loggers)
    if pretrained:
        tell_what_is_taken(pretrained, training.task.model)
    record_environment(training, attempt)
    attempt.begin(loggers, resumed.logged if resumed else {})
    if resumed is None:  # a checkpoint holds what was learned
        fit_wide_path(training)
    fit(training, attempt, resumed.path if resumed else None)
    test(training, attempt)


def _rows(request: Request, pretrained: Pretrained | None, attempt: Attempt) -> Store:
    """The tokenised splits that are asked for: by the tokenizer of what the run begins with, which it keeps."""
    config, tokenizer = request.config, request.config["tokenizer"]
    if pretrained:
        refuse_other_tokenizer(pretrained, tokenizer)
        path = attempt.directory.path / "tokenizer.json"
        if attempt.is_first_process:
            write_text(path, parse_tokenizer(pretrained.tokenizer).to_str(pretty=True))
        tokenizer = {**tokenizer, "kind": "pretrained", "path": str(path)}
    stratify_by = config["task"].get("stratify_by")
    return prepare(config["data"], tokenizer, config["seed"], request.kind.labelled, stratify_by)


def _pretrain(request: Request, attempt: Attempt) -> str | None:
    """Train the first of two runs, in a folder of the second's, which that one begins with."""
    first = request.pretraining
    if first is None:
        return None
    directory = RunDirectory(attempt.directory.path / PRETRAINING)
    with directory.held():
        if directory.result is None:
            _rehearse(request, Attempt(first, directory, attempt.stop, attempt.started), attempt)
        log.info("pretraining first, in %s", directory.path)
        _run_in(directory, first, attempt.stop, time.perf_counter())
    log.info("pretraining is done: now what it was for")
    attempt.pretraining_seconds = time.perf_counter() - attempt.started  # from now on time is the run's own
    return str(directory.path)


def _rehearse(second: Request, pretraining: Attempt, attempt: Attempt) -> None:
    """Build the second of two runs on the untrained first: what it is refused for is told before that one trains."""
    first, began = pretraining.request, None
    check(first)
    if first.begins_with:
        began = open_pretrained(first.begins_with)
    store = _rows(first, began, pretraining)
    plan = settle(first, store, choose_device(first.config["trainer"]), began)
    task = build_training(plan, store, pretraining, None).task
    untrained = Pretrained.of(task.state_dict(), str(pretraining.directory.path), plan.config, store.tokenizer.to_str())
    store = _rows(second, untrained, attempt)
    plan = settle(second, store, choose_device(second.config["trainer"]), untrained)
    build_training(plan, store, attempt, untrained)


def _join(request: Request, directory: RunDirectory, started: float) -> Summary:
    """Train as a further process of a run that Lightning has started this command again for."""
    with Stop() as stop:
        attempt = Attempt(request, directory, stop, started, is_first_process=False)
        check(request)
        _train(attempt, request.begins_with)
    return attempt.summary
