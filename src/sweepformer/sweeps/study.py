"""A sweep whose values are drawn by Optuna, by ask and tell.

Every trial is a run in the sweep's directory like any other. Typed again, a study goes on: trials that were
interrupted are finished, failed ones tried again, and new ones drawn up to `n_trials` in all.
"""

import logging
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from sweepformer.errors import UserError
from sweepformer.reports.leaderboard import report
from sweepformer.reports.tables import table_text
from sweepformer.run_directory import RunDirectory, Summary
from sweepformer.sweeps.grid import parse
from sweepformer.sweeps.sweep import Job, Sweep, run_paths

log = logging.getLogger(__name__)

STANDS_FOR = "stands_for"  # of a trial that was added for one that had failed: that one's number
SWEEP = "sweep"  # of a trial in a database that sweeps share: the directory of the sweep that runs it


def sweep_study(plugin: Any, arguments: list[str]) -> list[float | None]:
    """Draw and run trials until there are `n_trials`.

    Args:
        plugin: the sweeper, with the keys of `conf/hydra/sweeper/optuna.yaml` as `options`.

    Returns:
        The values of the best trial (of the first of the best, for several objectives).
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sweep = Sweep(plugin)
    failed = 0
    best: list[float | None] = []
    try:
        overrides = parse(plugin, plugin.options["params"] or {}, arguments)
        space = {str(one.get_key_element()): distribution(one) for one in overrides if one.is_sweep_override()}
        fixed = [str(one.input_line) for one in overrides if not one.is_sweep_override()]
        _check(sweep, overrides, space)
        if sweep.options["dry_run"]:
            rows = [[key, str(one)] for key, one in space.items()]
            log.info("\n%s", table_text(f"{plugin.options['n_trials']} trials of", ["key", "drawn from"], rows))
            there = [[path.name, RunDirectory(path).status] for path in run_paths(sweep.path)]
            log.info("\n%s", table_text("Drawn before", ["directory", "state"], there))
            return []
        with sweep.held(), _storage_errors(plugin.options["storage"]):
            study = Study(plugin.options, space, sweep)
            sweep.planned = plugin.options["n_trials"]
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


def _run_trials(study: "Study", sweep: Sweep, fixed: list[str]) -> None:
    """Run what the study draws, the next trial as soon as there is room for it."""
    running: dict[int, tuple[FrozenTrial, Job]] = {}

    def tell_ended() -> None:
        for trial, job in list(running.values()):
            if job.directory.read_summary() is not None:
                study.tell(trial, job)
                del running[trial.number]

    def jobs() -> Iterator[Job]:
        with _storage_errors(study.options["storage"]):  # here, as the launcher calls this
            for trial in study.draw(before_each=tell_ended):
                job = sweep.add(*_overrides(fixed, trial.params))
                running[trial.number] = trial, job
                yield job

    sweep.run_as_drawn(jobs(), study.options["n_jobs"])
    tell_ended()


def distribution(override: Override) -> BaseDistribution:
    """Where Optuna draws a key's values from, in Hydra's grammar.

    `a,b` and choice(): one of these; range(start, stop, step): whole numbers or steps, stop excluded as in
    Hydra; interval(low, high): any number between; int(interval()): any whole number; tag(log, ...): by orders of
    magnitude.

    Raises:
        UserError: there is nothing in it, or it can't be drawn from.
    """
    value = override.value()
    tags: set[str] = getattr(value, "tags", set())
    try:
        if isinstance(value, IntervalSweep):
            low, high = value.start, value.end
            if isinstance(low, int) and isinstance(high, int) and override.input_line and "int(" in override.input_line:
                return IntDistribution(low, high, log="log" in tags)
            return FloatDistribution(float(low), float(high), log="log" in tags)  # type: ignore[arg-type]
        if isinstance(value, RangeSweep):
            numbers = list(value.range())
            if not numbers:
                raise ValueError("there is no value in it")
            if all(isinstance(number, int) for number in numbers):
                return IntDistribution(numbers[0], numbers[-1], step=int(value.step), log="log" in tags)
            return FloatDistribution(numbers[0], numbers[-1], step=float(value.step))
        choices = list(dict.fromkeys(override.sweep_string_iterator()))
        if not choices:
            raise ValueError("there is no value in it")
        return CategoricalDistribution(choices)
    except (ValueError, TypeError) as error:
        raise UserError(f"{override.input_line} can't be drawn from: {error}.") from error


def _check(sweep: Sweep, overrides: Sequence[Override], space: dict[str, BaseDistribution]) -> None:
    """Compose a config for each value that can be named beforehand: a wrong one costs no trial."""
    if not space:
        raise UserError(
            "hydra/sweeper=optuna has nothing to vary. Give keys choice(...), range(...) or interval(...), such as "
            "'optimizer.lr=tag(log, interval(1e-4, 1e-2))'."
        )
    fixed = [str(one.input_line) for one in overrides if not one.is_sweep_override()]
    for key, one in space.items():
        values = one.choices if isinstance(one, CategoricalDistribution) else [getattr(one, "low", None)]
        for value in values:
            sweep.compose([*fixed, f"{key}={value}"])


def _overrides(fixed: list[str], params: dict[str, Any]) -> tuple[list[str], list[str]]:
    # Six digits: what a directory is named after should be readable.
    swept = [f"{key}={value:.6g}" if isinstance(value, float) else f"{key}={value}" for key, value in params.items()]
    return [*fixed, *swept], swept


class Study:
    """Optuna's study of a sweep: which trials to run next, and what became of them.

    Args:
        options: the keys of `conf/hydra/sweeper/optuna.yaml`.
        space: what is varied.
    """

    def __init__(self, options: dict[str, Any], space: dict[str, BaseDistribution], sweep: Sweep) -> None:
        self.options, self.space = options, space
        self._owner = str(sweep.path) if options["storage"] else None
        self.metrics, directions = _as_list(options["metrics"]), _as_list(options["direction"])
        if len(self.metrics) != len(directions):
            raise UserError(
                f"hydra.sweeper.metrics={self.metrics} and hydra.sweeper.direction={directions}: "
                "give one direction for each metric."
            )
        for direction in directions:
            if direction not in ("maximize", "minimize"):
                raise UserError(f"hydra.sweeper.direction={direction}: it must be maximize or minimize.")
        self.study = optuna.create_study(
            storage=options["storage"] or f"sqlite:///{sweep.path / 'optuna.db'}",
            study_name=options["study_name"] or sweep.path.name,
            directions=directions,  # type: ignore[arg-type]  # checked above
            load_if_exists=True,
        )
        there = [direction.name.lower() for direction in self.study.directions]
        if there != directions:
            raise UserError(f"this study's direction is {there}, and hydra.sweeper.direction={directions} was given.")
        asked_before = self.study.metric_names
        if asked_before and asked_before != self.metrics:
            raise UserError(
                f"this study looks for {asked_before}, and hydra.sweeper.metrics={self.metrics} was given. "
                "Give another name=..."
            )
        self.study.set_metric_names(self.metrics)
        self.study.sampler = self._sampler(options["sampler"])
        for trial in self._ours(TrialState.RUNNING):
            if trial.params.keys() != space.keys():  # killed while it was drawn: there is nothing to go on with
                self.study.tell(trial.number, state=TrialState.FAIL)
        failed = {trial.number for trial in self._ours(TrialState.FAIL)}
        self._again = [trial for trial in self._counted() if trial.number in failed]
        if done := len(self._counted()):
            log.info("%d of %d trials are done already", done - len(self._again), options["n_trials"])

    def _sampler(self, options: dict[str, Any]) -> optuna.samplers.BaseSampler:
        # Seeded alike again, a sampler would draw again what it has drawn; QMC knows how far it came.
        fresh = options.get("seed") is not None and "QMC" not in options["_target_"]
        seed = {"seed": options["seed"] + len(self.study.trials)} if fresh else {}
        from sweepformer.build import build  # which loads Lightning

        return build("hydra.sweeper.sampler", {**options, **seed})

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states)

    def _ours(self, *states: TrialState) -> list[FrozenTrial]:
        """Trials that this sweep runs: in a shared database others have theirs."""
        return [trial for trial in self._trials(*states) if trial.user_attrs.get(SWEEP) == self._owner]

    def _counted(self) -> list[FrozenTrial]:
        trials = self.study.get_trials(deepcopy=False)
        replaced = {trial.user_attrs.get(STANDS_FOR) for trial in trials}
        drawn = [one for one in trials if one.state is not TrialState.FAIL or one.params.keys() == self.space.keys()]
        return [trial for trial in drawn if trial.number not in replaced]

    def draw(self, before_each: Callable[[], None]) -> Iterator[FrozenTrial]:
        """What was interrupted, then what failed before this command, then new draws.

        Args:
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
            yield next(one for one in self._trials(TrialState.RUNNING) if one.number == trial.number)

    def tell(self, trial: FrozenTrial, job: Job) -> None:
        """Record a trial's end: its values, or that it failed or was stopped by the sweep."""
        summary = job.directory.read_summary()
        values = [_value(summary, name) for name in self.metrics] if summary else []
        state = TrialState.FAIL
        if summary and summary.status == "stopped_early_by_sweep":
            state = TrialState.PRUNED
        elif summary and summary.status == "completed" and all(math.isfinite(value) for value in values):
            state = TrialState.COMPLETE
        if state is TrialState.FAIL and trial.state is TrialState.FAIL:
            return  # again
        if trial.state is TrialState.FAIL:  # what failed before has a result now: another trial stands for it
            values_there = values if state is TrialState.COMPLETE else None
            self.study.add_trial(
                optuna.trial.create_trial(
                    state=state,
                    values=values_there,
                    params=trial.params,
                    distributions=trial.distributions,
                    user_attrs={**trial.user_attrs, STANDS_FOR: trial.number},
                )
            )
            return
        if state is TrialState.PRUNED and len(self.metrics) == 1 and summary:
            optuna.trial.Trial(self.study, trial._trial_id).report(values[0], summary.steps)
        self.study.tell(trial.number, values if state is TrialState.COMPLETE else None, state)

    def best_values(self) -> list[float | None]:
        """The values of the best trial; empty if none has a result."""
        try:
            return list(self.study.best_trials[0].values)
        except (IndexError, ValueError):
            return []

    def report(self) -> str:
        """Best trials and importances, as Markdown; also printed."""
        if not self._trials(TrialState.COMPLETE):
            return ""
        best = self.study.best_trials
        rows = [
            [str(trial.number), *(f"{value:.4f}" for value in trial.values), _settings(trial.params)]
            for trial in best[:20]
        ]
        title = "Best trial" if len(self.metrics) == 1 else "Best trials (none is better in every metric)"
        log.info(
            "\n%s", table_text(title, ["trial", *self.metrics, "values"], rows[: 1 if len(self.metrics) == 1 else 20])
        )
        lines = ["## What Optuna found", ""]
        lines += [f"- trial {row[0]}: {', '.join(row[1:])}" for row in rows]
        importances = self._importances()
        if importances:
            table = [[key, f"{share:.2f}"] for key, share in importances.items()]
            log.info("\n%s", table_text(f"What {self.metrics[0]} depends on", ["key", "importance"], table))
            lines += ["", f"Importance for {self.metrics[0]}: " + ", ".join(f"`{key}` {share}" for key, share in table)]
        return "\n".join(lines)

    def _importances(self) -> dict[str, float]:
        target = None if len(self.metrics) == 1 else (lambda trial: trial.values[0])
        try:
            with warnings.catch_warnings(
                action="ignore", category=UserWarning
            ):  # "too few trials": they are what is there
                return optuna.importance.get_param_importances(self.study, target=target)
        except (RuntimeError, ValueError):  # too few trials, or all alike
            return {}


def _value(summary: Summary, name: str) -> float:
    """A metric, or a field of the summary such as `parameters` or `seconds.training`."""
    if name in summary.metrics:
        return summary.metrics[name]
    found: Any = summary
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else getattr(found, part, None)
    if isinstance(found, int | float):
        return float(found)
    if summary.status == "completed":
        raise UserError(
            f"hydra.sweeper.metrics={name}: runs have no such number. They have: {', '.join(summary.metrics)}."
        )
    return float("nan")


def _as_list(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _settings(params: dict[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in params.items())


@contextmanager
def _storage_errors(storage: str | None) -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        cause = str(error.__cause__ or error).strip().splitlines()[0]
        raise UserError(
            f"hydra.sweeper.storage={storage or 'optuna.db in the sweep directory'} can't be used: {cause}. Mend or "
            "remove it (runs are kept: the same command finds them again), or give another hydra.sweeper.storage=..."
        ) from error
