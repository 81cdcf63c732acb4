"""One run, from config to summary: the story on one page."""

import gc
import logging
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only
from pytorch_lightning.utilities.exceptions import SIGTERMException

from sweepformer.config.completeness import check_complete
from sweepformer.config.composing import plain
from sweepformer.config.plain import config_hash
from sweepformer.config.pretraining import first_config
from sweepformer.config.rules import check
from sweepformer.config.targets import named_packages, trusting
from sweepformer.errors import Diverged, SweepTerminated, comes_of_ctrl_c
from sweepformer.runs.directory import PRETRAINING, RunDirectory, Summary
from sweepformer.runs.identity import identity
from sweepformer.sweeps.devices import claim_gpu
from sweepformer.training.baseline_run import fit_and_test, is_baseline
from sweepformer.training.callbacks.log_files import cut_back
from sweepformer.training.checkpoints import find_checkpoint
from sweepformer.training.known_errors import silence_known_warnings
from sweepformer.training.lightning_run import train_and_test
from sweepformer.training.loggers import begin, conclude
from sweepformer.training.screen import print_result
from sweepformer.training.stopping import Stop
from sweepformer.training.trainer import build_loggers

log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> float | None:
    """Train, test and record one run; in a directory that holds its result already, return that.

    Returns:
        The task's monitored metric (`val_acc`) of the best checkpoint, which optimising sweepers compare.

    Raises:
        UserError: the config or the data can't be used as they are.
    """
    started = time.perf_counter()
    silence_known_warnings()
    given = plain(cfg)
    with trusting(named_packages(given)):
        return _run(cfg, identity(given), started)


def _run(cfg: DictConfig, config: dict[str, Any], started: float) -> float | None:
    directory = RunDirectory(Path(HydraConfig.get().runtime.output_dir))
    if rank_zero_only.rank:  # type: ignore[attr-defined]
        # Lightning starts the command again for every further process: they train with the first, which keeps
        # the directory.
        check(config)
        with Stop() as stop:
            found = find_checkpoint(directory, config)
            begins_with = _begins_with(config)
            nothing = Summary(status="failed")
            train_and_test(config, directory, found and found[0], [], nothing, started, stop, begins_with)
        return None
    if HydraConfig.get().mode is RunMode.MULTIRUN:
        claim_gpu(directory.path.parent, config.get("trainer") or {})
    with directory.held(), Stop() as stop:
        return _run_in(directory, cfg, config, started, stop)


def _run_in(
    directory: RunDirectory, cfg: DictConfig, config: dict[str, Any], started: float, stop: Stop
) -> float | None:
    monitor = _monitor(config)
    recorded = directory.claim(config, _hydra_files(cfg))
    if recorded:
        log.info("%s holds this run's result already: nothing to do", directory.path)
        print_result(recorded, directory.path, monitor)
        return recorded.metrics.get(monitor)
    overrides = _typed()
    summary = Summary(status="failed", config_hash=config_hash(config), overrides=overrides)
    loggers: list[Logger] = []
    try:
        check_complete(config)
        checkpoint = _checkpoint_to_go_on_from(directory, config)
        begins_with = _begins_with(config)
        if config.get("pretrain"):
            check(config)
            begins_with = _pretrain(directory, cfg, stop)
            summary.seconds["pretraining"] = time.perf_counter() - started
        loggers = build_loggers(config.get("logger") or {}, directory)
        begin(loggers, config, overrides, directory.sweep.get("swept", []))
        check(config)
        started_itself = started + summary.seconds.get("pretraining", 0.0)
        if is_baseline(config["model"]):
            fit_and_test(config, directory, loggers, summary, started_itself)
        else:
            train_and_test(config, directory, checkpoint, loggers, summary, started_itself, stop, begins_with)
    except BaseException as error:
        summary.status = _status_after(error)
        summary.error = {"type": type(error).__name__, "message": str(error)}
        if summary.status == "interrupted" and directory.whole is directory:
            again = (
                "the same sweep typed again" if directory.sweep else f"the same command, hydra.run.dir={directory.path}"
            )
            log.warning("interrupted: %s goes on from here", again)
        with suppress(OSError), (directory.path / "run.log").open("a", encoding="utf-8", errors="replace") as file:
            file.write(traceback.format_exc())
        raise
    finally:
        summary.seconds["total"] = time.perf_counter() - started + summary.seconds.get("earlier", 0.0)
        try:
            conclude(loggers, summary)
        finally:  # a full disk stops loggers, and their threads fail in ways of their own
            directory.write_summary(summary)
        gc.collect()  # a trainer and its parts refer to each other; the next run of this process needs their memory
    print_result(summary, directory.path, monitor)
    return summary.metrics.get(monitor)


def _checkpoint_to_go_on_from(directory: RunDirectory, config: dict[str, Any]) -> Path | None:
    """The checkpoint; what earlier processes have logged after it is removed, as it will be logged again."""
    found = find_checkpoint(directory, config)
    path, content = found if found else (None, {})
    cut_back(directory.path, content.get("callbacks", {}).get("LogFiles", {}))
    return path


def _monitor(config: dict[str, Any]) -> str:
    """What the best checkpoint is chosen by; the config may have no task yet that says it."""
    task = config.get("task")
    return str(task.get("monitor", "val_acc")) if isinstance(task, dict) else "val_acc"


def _begins_with(config: dict[str, Any]) -> str | None:
    """The run or checkpoint that `model.init_from` names."""
    init_from = config["model"].get("init_from")
    return init_from["path"] if init_from else None


def _pretrain(directory: RunDirectory, cfg: DictConfig, stop: Stop) -> str:
    """The first of two runs, in a folder of the second's, which that one begins with."""
    first = RunDirectory(directory.path / PRETRAINING)
    cfg = first_config(cfg)
    log.info("pretraining first, in %s", first.path)
    with first.held():
        _run_in(first, cfg, identity(plain(cfg)), time.perf_counter(), stop)
    log.info("pretraining is done: now what it was for")
    return str(first.path)


def _status_after(error: BaseException) -> str:
    if isinstance(error, Diverged):
        return "diverged"
    # A sweep stops its runs as Ctrl-C does: SIGTERM comes from somebody else, and ends this one run only.
    stopped = isinstance(error, SIGTERMException) and HydraConfig.get().mode is not RunMode.MULTIRUN
    return "interrupted" if stopped or isinstance(error, SweepTerminated) or comes_of_ctrl_c(error) else "failed"


def _typed() -> list[str]:
    """The overrides as they were typed: what `${...}` in one stands for is no concern of the list's."""
    found = OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False)
    assert isinstance(found, list)
    return found


def _hydra_files(cfg: DictConfig) -> dict[str, str]:
    hydra = OmegaConf.create({"hydra": HydraConfig.get()})
    return {
        "config.yaml": OmegaConf.to_yaml(cfg),
        "hydra.yaml": OmegaConf.to_yaml(hydra),
        "overrides.yaml": OmegaConf.to_yaml(HydraConfig.get().overrides.task),
    }
