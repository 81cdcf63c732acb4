"""`--from-run RUN`: the command that repeats a run, as Hydra understands it.

What was recorded becomes the config that Hydra begins with, in place of `conf/config.yaml` and its groups: a default
that has changed since changes nothing. The schemas are today's, and what is typed comes on top. When the new run has
its result, it is told whether that is the same, and if it isn't, what differs.
"""

import argparse
import logging
import os
import re
import sys
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import safe_load

from sweepformer.analysis.repetition.recorded import Recorded, as_text, made_with, read_recorded
from sweepformer.commands.hydra_setup import composed
from sweepformer.config.options import SCHEMAS
from sweepformer.config.presets import CONF, groups
from sweepformer.errors import UserError
from sweepformer.runs.directory import RunDirectory
from sweepformer.runs.finding import run_at
from sweepformer.screen.tables import table_text

log = logging.getLogger(__name__)

FLAG = "--from-run"
NODE = "recorded_run"  # under which Hydra finds the config
READ = re.compile("(file|root|path|init_from)$")  # what names a file that is read
NO_OTHER_RUN = re.compile(r"[+~]*(hydra|name|allowed_packages)\b")  # overrides that leave the run what it is
# 1 is a run that failed, 2 a mistyped flag: a run that worked and came to something else is neither.
ANOTHER_RESULT = 3
SHOWN = 15  # differences of each kind


def split_off(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    """The arguments without `--from-run RUN`, and the run or None; a UserError if it is said in a wrong way."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(FLAG, dest="runs", action="append", nargs="?", const="")
    found, rest = parser.parse_known_args(list(arguments))
    if not found.runs:
        return list(arguments), None
    run, *others = found.runs
    if others or not run:
        raise UserError(f"{FLAG} takes one run's directory, as in {FLAG} outputs/mine/12-30-00.123456-abcdef.")
    for one in rest:
        if one in ("-m", "--multirun") or one.startswith("hydra.mode="):
            raise UserError(
                f"{FLAG} repeats one run, and {one} starts many. For a sweep around it, leave {FLAG} out and type the "
                "overrides that .hydra/overrides.yaml lists."
            )
        if one.startswith(("--config-name", "-cn", "--config-path", "-cp")):
            raise UserError(f"{FLAG} brings its own config, and {one} asks for another. Leave one of them out.")
        if one.startswith(("experiment=", "+experiment=")):
            raise UserError(f"{FLAG}: {one} is an experiment, a run of its own. Give single keys (key=value).")
    return rest, run


def arguments_for_hydra(arguments: Sequence[str], run: str, typed: Sequence[str]) -> list[str]:
    """Make the config that repeats `run` known to Hydra; returns the arguments that ask for it.

    typed: the whole command, `sys.argv`, for the records of the new run. Raises a UserError if there is no such run, or
    it can't be repeated by this version.
    """
    path = Path(run).expanduser()
    if not path.is_dir():
        raise UserError(f"{FLAG} {run}: there is no directory {path.absolute()}.")
    recorded = read_recorded(run_at(path, f"{FLAG} {run}"))
    basis: Any = safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))
    usual = {group: option for one in basis["defaults"] if isinstance(one, dict) for group, option in one.items()}
    overrides = [one for one in arguments if re.match(r"~|[^-].*=", one)]
    typed_groups = {one.lstrip("+").partition("=")[0] for one in overrides}
    replaced = {group: option for group, option in usual.items() if group in typed_groups}
    known = groups()
    options = {group: str(recorded.options.get(group)) for group in SCHEMAS}
    options = {group: option for group, option in options.items() if option in known.get(group, {})}
    config, notes = _config(recorded, options, replaced)
    hydra = basis["hydra"]
    hydra["runtime"] = {"choices": options}
    hydra["overrides"] = {"task": as_text(recorded.overrides)}
    hydra["callbacks"]["repetition"] = {
        "_target_": "sweepformer.commands.from_run.Verdict",
        "_convert_": "all",
        "run": as_text(str(path.absolute())),
        "argv": as_text(list(typed)),
        "changed": any(not NO_OTHER_RUN.match(one) for one in overrides),
        "notes": as_text(notes),
    }
    defaults = ["_self_", *({group: option} for group, option in replaced.items())]
    ConfigStore.instance().store(name=NODE, node=OmegaConf.create({"defaults": defaults, **config, "hydra": hydra}))
    return [*arguments, "--config-name", NODE]


def _config(recorded: Recorded, options: dict[str, str], replaced: Container[str]) -> tuple[dict[str, Any], list[str]]:
    """The recorded config with today's schemas of `options`, but groups `replaced` by what is typed, and notes."""
    today = composed([f"{group}={option}" for group, option in options.items()])
    notes = [f"left out, as it says where files go (type it again if you want it): {one}" for one in recorded.left_out]
    notes += _missing_files(recorded)
    config: dict[str, Any] = {}
    for key in dict.fromkeys([*map(str, today), *recorded.config]):
        if key in replaced:
            continue
        if key not in recorded.config:
            config[key] = today[key]  # no part of a run, or new since
        elif key in options:
            config[key], new = _typed(recorded, key, today[key])
            notes += [f"new since that run was made, at its default: {one}" for one in new]
        else:
            config[key] = recorded.config[key]
    return config, notes


def _typed(recorded: Recorded, group: str, today: DictConfig) -> tuple[Any, list[str]]:
    """The recorded values of a group in the types that it has today, and what it has besides."""
    values, where = recorded.config[group], f"{recorded.run.path}: {group}"
    if not isinstance(values, dict):
        raise UserError(f"{where} is no group of values: its config is damaged. {made_with(recorded.run)}")
    known: Any = OmegaConf.to_container(today, resolve=False, enum_to_str=True)
    for name in values:
        if name not in known:
            raise UserError(f"{where}.{name}: there is no such key in this version. {made_with(recorded.run)}")
    try:
        merged = OmegaConf.merge(today, values)
    except (OmegaConfBaseException, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{where} can't be used by this version: {reason}. {made_with(recorded.run)}") from error
    return merged, [f"{group}.{name}={value}" for name, value in known.items() if name not in values]


def _missing_files(recorded: Recorded) -> list[str]:
    """What is found only from where that run was started: relative paths start where a command is typed."""
    there = recorded.run.read_environment().get("directory")
    if not isinstance(there, str):
        return []
    return [
        f"{group}.{name}={value} is not here, but in {there}, where that run was started"
        for group in ("data", "tokenizer", "model")
        if isinstance(values := recorded.config.get(group), dict)
        for name, value in values.items()
        if READ.search(str(name)) and isinstance(value, str)
        if not os.path.exists(value) and os.path.exists(os.path.join(there, value))
    ]


class Verdict(Callback):
    """Compares a repeated run with the one that it repeats, once it has its result.

    It exits instead of raising, because Hydra turns a callback's exceptions into warnings.

    run: the directory of the run that is repeated; argv: the command as it was typed; changed: whether it asks for
    another run, by overrides; notes: what is to be said before it begins.
    """

    def __init__(self, run: str, argv: list[str], changed: bool, notes: list[str]) -> None:
        self.there, self.name = RunDirectory(Path(run)), os.path.relpath(run)
        self.argv, self.changed, self.notes = argv, changed, notes

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        if Path(config.hydra.run.dir).resolve() == self.there.path.resolve():
            sys.exit(
                f"Error: hydra.run.dir={config.hydra.run.dir} is the run that is to be repeated. Leave hydra.run.dir "
                "out, or name another directory."
            )

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        # Hydra was given other arguments: what is recorded, and what further processes start with, is what was typed.
        sys.argv = self.argv
        for note in self.notes:
            log.warning("warning: %s", note)
        outcome = self.there.read_outcome()
        if self.there.result is None:
            state = outcome.status if outcome else "unfinished"
            log.warning("warning: %s has no result (%s): there is nothing to compare with", self.name, state)
        elif outcome and outcome.status == "stopped_early_by_sweep":
            log.warning("warning: %s was stopped early by its sweep: by itself it trains on", self.name)

    def on_run_end(self, config: DictConfig, **about: Any) -> None:
        from sweepformer.lightning_internals import process_rank  # which the run has loaded

        if about["job_return"].status is not JobStatus.COMPLETED or process_rank():
            return
        if not self._is_same(RunDirectory(Path(config.hydra.runtime.output_dir))) and not self.changed:
            sys.exit(ANOTHER_RESULT)

    def _is_same(self, here: RunDirectory) -> bool:
        """Says what the comparison came to; True too where there is nothing to compare."""
        from sweepformer.analysis.repetition.comparison import compare

        if self.there.result is None or here.result is None:
            log.info("%s has no result: nothing was compared", self.name)
            return True
        found = compare(self.there, here)
        if not found.result:
            weights = ", ".join(f"{name} {digest}" for name, digest in found.weights.items())
            of_weights = f" and the weights ({weights})" if weights else ", and there are no weights to compare,"
            log.info("the same as %s: %d metrics%s are bit-identical", self.name, found.metrics, of_weights)
            return True
        log.info("\n%s", _table(f"Not the same as {self.name}", "result", found.result))
        if found.causes:
            log.info("\n%s", _table("What may be why", "differs", found.causes))
        else:
            log.info("nothing that is recorded differs: versions, commit, device, threads, data, tokenizer, config")
        trainer = (here.read_config() or {}).get("trainer", {})
        if here.read_environment().get("device") != "cpu" and not trainer.get("deterministic"):
            log.info("on this device only runs with trainer.deterministic=true come to the same bits twice")
        return False


def _table(title: str, column: str, differences: list[tuple[str, Any, Any]]) -> str:
    rows = [[name, str(there), str(here)] for name, there, here in differences[:SHOWN]]
    if len(differences) > SHOWN:
        rows.append([f"... {len(differences) - SHOWN} more", "", ""])
    return table_text(title, [column, "there", "here"], rows)
