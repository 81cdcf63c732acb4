"""A sweep whose values are drawn by Optuna, by ask and tell.

Every trial is a run in the sweep's directory like any other. Typed again, a study goes on: trials that were
interrupted are finished, failed ones tried again, and new ones drawn up to `n_trials` in all.
"""

import json
import logging
import math
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from sweepformer.config.plain import differences
from sweepformer.config.targets import trusting
from sweepformer.errors import UserError
from sweepformer.runs.directory import RunDirectory
from sweepformer.runs.finding import numbered
from sweepformer.screen.tables import table_text
from sweepformer.sweeps.grid import parse
from sweepformer.sweeps.leaderboard import report
from sweepformer.sweeps.objectives import Objectives, read_objectives
from sweepformer.sweeps.space import Space, describe, distribution, refuse_other_space, shared_config
from sweepformer.sweeps.storage import open_storage, report_value, show_findings, storage_errors
from sweepformer.sweeps.sweep import Job, Sweep

log = logging.getLogger(__name__)

STANDS_FOR = "stands_for"  # of a trial that was added for one that had failed: that one's number
SURPLUS = "surplus"  # of a trial that was one too many: others drew at the same moment
SHARED = "config"  # of a study: the config that all its trials share
SWEEP = "sweep"  # of a trial in a database that sweeps share: the directory of the sweep that runs it


def sweep_study(plugin: Any, arguments: list[str]) -> list[float | None]:
    """Draw and run trials until there are `n_trials`, of the sweeper's options (`conf/hydra/sweeper/optuna.yaml`).

    Returns the values of the best trial (of the first of the best, for several objectives).
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    failed = 0
    best: list[float | None] = []
    try:
        sweep = Sweep(plugin)
        params = plugin.options["params"] or {}
        overrides = parse(plugin, params, arguments)
        space = {str(one.get_key_element()): distribution(one) for one in overrides if one.is_sweep_override()}
        fixed = [str(one.input_line) for one in overrides if not one.is_sweep_override()]
        config = shared_config(sweep, params, fixed, space)
        options = _checked(plugin.options)
        objectives = read_objectives(options, config)
        if sweep.options["dry_run"]:
            rows = [[key, describe(one)] for key, one in space.items()]
            log.info("\n%s", table_text(f"{options['n_trials']} trials of", ["key", "drawn from"], rows))
            there = [[path.name, RunDirectory(path).status] for path in numbered(sweep.path)]
            log.info("\n%s", table_text("Drawn before", ["directory", "state"], there))
            return []
        with sweep.held(), storage_errors(options["storage"]):
            study = Study(options, objectives, space, config, sweep)
            sweep.planned = options["n_trials"]
            try:
                _run_trials(study, sweep, fixed)
            finally:
                failed = report(sweep, study.report())
            best = study.best_values()
    except UserError as error:
        sys.exit(f"Error: {error}")
    if failed:
        plugin.hydra_context.callbacks.on_multirun_end(config=plugin.config, config_name=None)
        sys.exit(1)
    return best


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    for key in ("n_trials", "n_jobs"):
        value = options[key]
        if key == "n_jobs" and value == 0:  # as many as there is room for
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise UserError(f"hydra.sweeper.{key}={value} must be a whole number, at least 1.")
    if not isinstance(options["sampler"], dict):
        raise UserError(
            f"hydra.sweeper.sampler={options['sampler']}: choose a sampler with a slash, "
            f"hydra/sweeper/sampler={options['sampler'] or 'tpe'}."
        )
    return options


def _run_trials(study: "Study", sweep: Sweep, fixed: list[str]) -> None:
    """Run what the study draws, the next trial as soon as there is room for it."""
    running: dict[int, tuple[FrozenTrial, Job]] = {}

    def report_ended() -> None:
        for trial, job in list(running.values()):
            if job.directory.read_summary() is not None:
                study.tell(trial, job)
                del running[trial.number]

    def jobs() -> Iterator[Job]:
        with storage_errors(study.options["storage"]):  # here, as the launcher calls this
            for trial in study.draw(before_each=report_ended):
                # Six digits: what a directory is named after should be readable.
                values = {key: f"{one:.6g}" if isinstance(one, float) else one for key, one in trial.params.items()}
                drawn = [f"{key}={value}" for key, value in values.items()]
                job = sweep.add([*fixed, *drawn], drawn)
                running[trial.number] = trial, job
                yield job

    sweep.run_as_drawn(jobs(), study.options["n_jobs"])
    report_ended()


class Study:
    """Optuna's study of a sweep: which trials to run next, and what became of them.

    objectives: what is looked for; space: what is varied; config: what all trials share.
    """

    def __init__(
        self, options: dict[str, Any], objectives: Objectives, space: Space, config: dict[str, Any], sweep: Sweep
    ) -> None:
        self.options, self.objectives, self.space = options, objectives, space
        self._trusted = ("optuna", *sweep.allowed_packages)
        self._owner = str(sweep.path) if options["storage"] else None
        self.study = optuna.create_study(
            storage=open_storage(options["storage"] or f"sqlite:///{sweep.path / 'optuna.db'}"),
            study_name=options["study_name"] or sweep.path.name,
            directions=objectives.directions,  # type: ignore[arg-type]  # checked before
            load_if_exists=True,
        )
        self._claim(config)
        self.study.sampler = self._sampler(options["sampler"])
        for trial in self._ours(TrialState.RUNNING):
            if trial.params.keys() != space.keys():  # killed while it was drawn: there is nothing to go on with
                self.study.tell(trial.number, state=TrialState.FAIL)
        failed = {trial.number for trial in self._ours(TrialState.FAIL)}
        self._again = [trial for trial in self._counted() if trial.number in failed]
        if done := sum(trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in self._counted()):
            log.info("%d of %d trials are done already", done, options["n_trials"])

    def _claim(self, config: dict[str, Any]) -> None:
        """Refuse what can't be ranked with the trials that are here; until one has a result, anything goes."""
        config = json.loads(json.dumps(config))  # as the study keeps it
        directions = [direction.name.lower() for direction in self.study.directions]
        if directions != self.objectives.directions:
            raise UserError(
                f"this study's direction is {directions}, and hydra.sweeper.direction={self.objectives.directions} "
                "was given. Give another name=..."
            )
        drawn = max((trial.distributions for trial in self._trials()), key=len, default={})
        if self._trials(TrialState.COMPLETE, TrialState.PRUNED):
            refuse_other_space(drawn, self.space)
            metrics, there = self.study.metric_names, self.study.user_attrs.get(SHARED)
            if metrics and metrics != self.objectives.metrics:
                raise UserError(
                    f"this study looks for {metrics}, and hydra.sweeper.metrics={self.objectives.metrics} was given. "
                    "Give another name=..."
                )
            if there and (changed := differences(there, config)):
                raise UserError(
                    "the trials of this study have another config, and could not be ranked with new ones:\n  "
                    + "\n  ".join(changed)
                    + "\nGive another name=..."
                )
        else:  # Optuna minds only whether a key that it knows has other values
            both = drawn.keys() & self.space.keys()
            refuse_other_space({key: drawn[key] for key in both}, {key: self.space[key] for key in both})
        with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
            self.study.set_metric_names(self.objectives.metrics)
        self.study.set_user_attr(SHARED, config)

    def _sampler(self, options: dict[str, Any]) -> optuna.samplers.BaseSampler:
        # Seeded alike again, a sampler would draw again what it has drawn, or what another sweep draws that shares
        # this study; QMC knows how far it came.
        fresh = options.get("seed") is not None and "QMC" not in options["_target_"]
        owner = zlib.crc32(self._owner.encode()) if self._owner else 0
        seed = {"seed": (options["seed"] + len(self.study.trials) + owner) % 2**32} if fresh else {}
        from sweepformer.config.build import build  # which loads Lightning

        with trusting(self._trusted):
            return build("hydra.sweeper.sampler", {**options, **seed})

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states or None)

    def _ours(self, *states: TrialState) -> list[FrozenTrial]:
        """Trials that this sweep runs: in a shared database others have theirs."""
        return [trial for trial in self._trials(*states) if trial.user_attrs.get(SWEEP) == self._owner]

    def _counted(self) -> list[FrozenTrial]:
        """Trials that make up `n_trials`."""
        trials = [trial for trial in self._trials() if SURPLUS not in trial.user_attrs and not self._is_orphan(trial)]
        replaced = {trial.user_attrs.get(STANDS_FOR) for trial in trials}
        drawn = [one for one in trials if one.state is not TrialState.FAIL or one.params.keys() == self.space.keys()]
        return [trial for trial in drawn if trial.number not in replaced]

    def _is_orphan(self, trial: FrozenTrial) -> bool:
        """Whether a sweep in a shared database was killed between drawing a trial and saying that it runs it."""
        if not self._owner or trial.state is not TrialState.RUNNING or SWEEP in trial.user_attrs:
            return False
        return trial.datetime_start is not None and datetime.now() - trial.datetime_start > timedelta(minutes=1)

    def draw(self, before_each: Callable[[], None]) -> Iterator[FrozenTrial]:
        """What was interrupted, then what failed before this command, then new draws.

        before_each: called before a draw, to tell what has ended meanwhile.
        """
        yield from self._ours(TrialState.RUNNING)
        yield from self._again
        while True:
            before_each()
            if len(self._counted()) >= self.options["n_trials"]:
                return
            trial = self.study.ask(self.space)
            if self._owner:
                trial.set_user_attr(SWEEP, self._owner)
                others = sum(one.number < trial.number for one in self._counted())
                if others >= self.options["n_trials"]:
                    trial.set_user_attr(SURPLUS, True)
                    self.study.tell(trial, state=TrialState.FAIL)
                    return
            yield next(one for one in self._trials(TrialState.RUNNING) if one.number == trial.number)

    def tell(self, trial: FrozenTrial, job: Job) -> None:
        """Record a trial's end: its values, or that it failed or was stopped by the sweep."""
        summary = job.directory.read_summary()
        values = self.objectives.values(summary) if summary else []
        state = TrialState.FAIL
        if summary and summary.status == "stopped_early_by_sweep":
            state = TrialState.PRUNED
        elif summary and summary.status == "completed" and all(math.isfinite(value) for value in values):
            state = TrialState.COMPLETE
        if state is TrialState.FAIL and trial.state is TrialState.FAIL:
            return  # again
        if trial.state is TrialState.FAIL:  # what failed before has a result now: another trial stands for it
            stand_in = optuna.trial.create_trial(
                state=state,
                values=values if state is TrialState.COMPLETE else None,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs={**trial.user_attrs, STANDS_FOR: trial.number},
            )
            self.study.add_trial(stand_in)
            return
        if state is TrialState.PRUNED and len(self.objectives.metrics) == 1 and summary:
            report_value(self.study, trial, values[0], summary.steps)
        self.study.tell(trial.number, values if state is TrialState.COMPLETE else None, state)

    def best_values(self) -> list[float | None]:
        """The values of the best trial; empty if none has a result."""
        try:
            return list(self.study.best_trials[0].values)
        except (IndexError, ValueError):
            return []

    def report(self) -> str:
        """Best trials and importances, as Markdown; also printed."""
        return show_findings(self.study, self.objectives.metrics) if self._trials(TrialState.COMPLETE) else ""
