"""A comparison, from folders to findings: the story on one page."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sweepformer.analysis.comparison.effects import Effects, Repeated, effects_of, repeated_settings
from sweepformer.analysis.comparison.metrics import COSTS, Metric, choose_metric, pareto_front
from sweepformer.analysis.comparison.pairing import Tested, pair_runs
from sweepformer.runs.reading import Run, essence, find_runs, rank, read_runs


@dataclass(frozen=True)
class Comparison:
    """What is known of some runs beside each other.

    ranked: those with a result, best first by `metric.name`; lost: those without; twice: those that repeat another's
    config, which say nothing new; level: of intervals and tests; tested: on the test split; repeated: settings with
    several seeds; effects: of each setting; fronts: by what is paid, the runs that no other is both cheaper and better
    than.
    """

    ranked: list[Run]
    lost: list[Run]
    twice: list[Run]
    metric: Metric
    level: float
    resamples: int
    tested: Tested
    repeated: list[Repeated]
    effects: Effects
    fronts: dict[str, list[Run]]

    @property
    def best(self) -> Run:
        return self.ranked[0]

    @property
    def keys(self) -> list[str]:
        """The settings in which these runs differ."""
        return list(self.ranked[0].settings)


def compare(
    paths: Iterable[Path], metric: str | None = None, level: float = 0.95, resamples: int = 1000
) -> Comparison | list[Run]:
    """Read and compare all runs at some paths: runs, sweeps, or folders of them.

    Gives the comparison or, if no run has a result, the runs that have none.

    Args:
        metric: what to rank by; None: what the runs chose their best checkpoints by.
        level: of intervals and tests.
        resamples: of the test split.

    Raises:
        UserError: there are no runs, or they have no metric in common.
    """
    runs = read_runs(find_runs(paths))
    lost = [run for run in runs if not run.has_result]
    if len(lost) == len(runs):
        return lost
    by_config: dict[str, Run] = {}
    for run in runs:
        if run.has_result:  # one with the config of another is no further evidence
            by_config.setdefault(json.dumps(essence(run.config), sort_keys=True) if run.config else str(run.path), run)
    done = list(by_config.values())
    chosen = choose_metric(done, metric)
    ranked = rank(done, chosen.name, chosen.mode)
    # Runs that were stopped early say what little training does, not what their settings do.
    whole = [run for run in ranked if not run.was_stopped]
    return Comparison(
        ranked=ranked,
        lost=lost,
        twice=[run for run in runs if run.has_result and run not in done],
        metric=chosen,
        level=level,
        resamples=resamples,
        tested=pair_runs(ranked, chosen, level, resamples),
        repeated=repeated_settings(whole, chosen, level),
        effects=effects_of(whole, chosen.name, level),
        fronts={cost: pareto_front(ranked, chosen, cost) for cost in COSTS},
    )
