"""One run, from what was asked to its summary: decided first, built then."""

import logging
import time
from pathlib import Path

import pytorch_lightning as pl
from omegaconf import DictConfig

from sweepformer.config.targets import trusting
from sweepformer.data.corpus import prepare
from sweepformer.lightning_internals import process_rank
from sweepformer.runs.directory import PRETRAINING, RunDirectory, Summary
from sweepformer.runs.request import Launch, Request, read
from sweepformer.training.attempt import Attempt
from sweepformer.training.baseline_run import fit_baseline, is_baseline
from sweepformer.training.building import build_data, build_training, fit_wide_path
from sweepformer.training.checks import check, silence_known_warnings
from sweepformer.training.fitting import fit, test
from sweepformer.training.initialization import open_pretrained, take_tokenizer, warn_of_seen_rows
from sweepformer.training.plan import choose_device, settle
from sweepformer.training.records import print_result, record_environment, record_plan
from sweepformer.training.stopping import Stop

log = logging.getLogger(__name__)


def run(composed: DictConfig, path: Path, launch: Launch | None = None) -> Summary:
    """Train, test and record one run in the directory `path`; if that holds its result already, return it.

    composed: the config, whose interpolations need not be resolved.

    Raises:
        UserError: the config or the data can't be used as they are. The run's summary says so too.
    """
    started = time.perf_counter()
    silence_known_warnings()
    request = read(composed, launch)
    directory = RunDirectory(path)
    with trusting(request.packages):
        if process_rank():
            return _join(request, directory, started)
        with directory.held(), Stop() as stop:
            return _run_in(directory, request, stop, started)


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
    checkpoint = attempt.checkpoint_to_go_on_from()
    device = choose_device(config["trainer"])
    pretrained, tokenizer = None, config["tokenizer"]
    if begins_with:
        pretrained = open_pretrained(begins_with)
        warn_of_seen_rows(pretrained, config, request.kind.labelled)
        tokenizer = take_tokenizer(pretrained, tokenizer, directory)
    stratify_by = config["task"].get("stratify_by")
    store = prepare(config["data"], tokenizer, config["seed"], request.kind.labelled, stratify_by)
    plan = settle(request, store, device, pretrained)
    data = build_data(plan, store)
    record_plan(plan, store, data, attempt)
    training = build_training(plan, store, data, attempt, pretrained)
    record_environment(training, attempt, begins_with)
    attempt.begin(training.loggers)
    if checkpoint is None:  # which holds what was learned
        fit_wide_path(training)
    fit(training, attempt, checkpoint)
    test(training, attempt)


def _pretrain(request: Request, attempt: Attempt) -> str | None:
    """Train the first of two runs, in a folder of the second's, which that one begins with."""
    first = request.pretraining
    if first is None:
        return None
    directory = RunDirectory(attempt.directory.path / PRETRAINING)
    log.info("pretraining first, in %s", directory.path)
    with directory.held():
        _run_in(directory, first, attempt.stop, time.perf_counter())
    log.info("pretraining is done: now what it was for")
    attempt.pretraining_seconds = time.perf_counter() - attempt.started  # from now on time is the run's own
    return str(directory.path)


def _join(request: Request, directory: RunDirectory, started: float) -> Summary:
    """Train as a further process of a run that Lightning has started this command again for."""
    with Stop() as stop:
        attempt = Attempt(request, directory, stop, started, is_first_process=False)
        check(request)
        _train(attempt, request.begins_with)
    return attempt.summary
