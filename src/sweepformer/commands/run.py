"""run: train one run, or with -m a sweep."""

import logging
import os
import re
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException, HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from sweepformer.commands.command_check import (
    check_characters,
    explain,
    explain_system,
    flags_first,
    with_keys_as_typed,
    with_quotes,
)
from sweepformer.commands.from_run import arguments_for_hydra, split_off
from sweepformer.commands.hydra_setup import MAIN, composed, prefer_own_presets, register
from sweepformer.config.presets import CONF, groups
from sweepformer.errors import SweepTerminated, UserError, comes_of_ctrl_c
from sweepformer.runs.request import Launch
from sweepformer.screen.command_line import command_line, reader_may_leave
from sweepformer.sweeps.composition import for_later
from sweepformer.training.loading import load_run

log = logging.getLogger(__name__)

EXAMPLES = {  # in the help
    "": "train on the built-in data",
    "model=base trainer.max_epochs=5": "choose and override",
    "data=files data.train_file=train.csv": "train on your own rows",
    "-m model.num_layers=2,4 model.dropout=0.1,0.3": "sweep: every combination",
    "--from-run outputs/mine/RUN": "repeat a run, and say whether the result is the same",
    "--cfg job": "show the config, run nothing",
}


@hydra.main(**MAIN, config_path=str(CONF), config_name="config")
def _run_job(cfg: DictConfig) -> float | None:
    """One run, by itself or as a job of a sweep: its return value is what optimising sweepers compare."""
    run = load_run()  # torch loads here, so that --help need not wait for it
    hydra_config = HydraConfig.get()
    path, in_sweep = Path(hydra_config.runtime.output_dir), hydra_config.mode is RunMode.MULTIRUN
    if (params := hydra_config.sweeper.get("params")) and not in_sweep and "LOCAL_RANK" not in os.environ:
        log.warning("warning: this is one run of a sweep of %s: add -m to run them all", ", ".join(params))
    if hydra_config.job.chdir:  # what is relative was typed there; what a run writes has its folder anyway
        os.chdir(hydra_config.runtime.cwd)
    try:
        if in_sweep:
            from sweepformer.sweeps.processes import claim_gpu

            claim_gpu(path.parent, cfg.get("trainer") or {})
        summary = run(cfg, path, _launch(hydra_config, in_sweep))
        return summary.metrics.get(str(OmegaConf.select(cfg, "task.monitor", default="val_acc")))
    except UserError as error:
        message = f"Error: {error}"
    except SweepTerminated:
        raise
    except SystemExit as error:
        if hydra_config.mode is RunMode.RUN and type(error).__name__ == "SIGTERMException":
            sys.exit(128 + signal.SIGTERM)  # the log says how to go on
        message = f"Error: {type(error).__name__}: {error}: the run was told to end."
    except Exception as error:
        if comes_of_ctrl_c(error):
            raise KeyboardInterrupt from error
        message = explain_system(error) or (
            f"Error: {type(error).__name__}: {error}\nThis was not expected. "
            f"The traceback is in {hydra_config.runtime.output_dir}/run.log"
        )
    if hydra_config.mode is RunMode.RUN:
        sys.exit(message)
    print(message, file=sys.stderr)
    raise CompactHydraException(message)  # the sweep goes on


def _run_or_sweep() -> None:
    """Run what is typed. In a sweep, an option that only some of the runs have is left to the sweeper."""
    while True:
        try:
            return _run_job()
        except HydraException as error:
            unknown = re.match("Could not override '([^']+)'", str(error))
            typed = next((one for one in sys.argv[1:] if unknown and one.startswith(f"{unknown[1]}=")), None)
            later = for_later(typed) if typed and {"-m", "--multirun"} & set(sys.argv) else typed
            if typed is None or later is None or later == typed:
                raise
            sys.argv[sys.argv.index(typed)] = later


def _launch(hydra_config: Any, in_sweep: bool) -> Launch:
    """How Hydra was told to start the run."""
    # As typed: what `${...}` in one stands for is no concern of the list's.
    typed: Any = OmegaConf.to_container(hydra_config.overrides.task, resolve=False)
    files = {
        "hydra.yaml": OmegaConf.to_yaml(OmegaConf.create({"hydra": hydra_config})),
        "overrides.yaml": OmegaConf.to_yaml(hydra_config.overrides.task),
    }
    return Launch(tuple(typed), files, in_sweep)


def _warn(ended: threading.ExceptHookArgs) -> None:
    """A logger's writer that fails is no reason for a traceback, and none to end the run."""
    log.warning("warning: a helper thread ended: %s", ended.exc_value)


def print_help(arguments: list[str]) -> None:
    """Print every group, every option with the comment that its YAML begins with, every key.

    Overrides among the arguments show in the config. Hydra's own help makes a copy of its whole config repository for
    each group and takes over a second.
    """
    run = command_line("run")
    print("sweepformer trains transformer encoders on labelled sequences.\n")
    for example, purpose in EXAMPLES.items():
        print(f"  {run} {example:<46} {purpose}")
    print("\n== Config groups: choose with group=option ==")
    for group, options in groups().items():
        print(group)
        for option, file in options.items():
            print(f"  {option:<24} {first_comment(file)}")
    print("\n== Config: override with key=value ==")
    overrides = [argument for argument in arguments if "=" in argument and not argument.startswith("-")]
    try:
        print(OmegaConf.to_yaml(composed(overrides)))
    except HydraException as error:
        sys.exit(str(error))
    print(f"Flags of Hydra itself: {run} --hydra-help")


def first_comment(option: Path) -> str:
    """The line that says what an option is for."""
    lines = option.read_text(encoding="utf-8").splitlines()
    return next((line[2:] for line in lines if line.startswith("# ") and "@package" not in line), "")


@reader_may_leave()
def main() -> None:
    """The command line."""
    threading.excepthook = _warn
    logging.raiseExceptions = False  # a line that can't be shown, as nobody reads on, is no reason for a traceback
    wants_traceback = "HYDRA_FULL_ERROR" in os.environ
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then leaves its errors to us
    try:
        check_characters(sys.argv[1:])
        register()
        prefer_own_presets(CONF)
        if {"--help", "-h"} & set(sys.argv[1:]):
            print_help(sys.argv[1:])
            return
        arguments, repeated = split_off(sys.argv[1:])
        arguments = with_quotes(map(with_keys_as_typed, flags_first(arguments)))
        if repeated is not None:
            arguments = arguments_for_hydra(arguments, repeated, sys.argv)
        sys.argv[1:] = arguments
        _run_or_sweep()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        raise
    except Exception as error:
        if comes_of_ctrl_c(error):
            sys.exit(130)
        if wants_traceback:
            raise
        sys.exit(explain(error, CONF))
