"""What a sweep looks for: numbers of a run's summary, each to be as large or as small as possible."""

from dataclasses import dataclass, fields
from typing import Any

from sweepformer.config.kinds import task_kind
from sweepformer.config.metrics import check_mode
from sweepformer.errors import UserError, hint
from sweepformer.runs.directory import Summary

NUMBERS = (
    *(field.name for field in fields(Summary) if field.type in (int, float, int | None, float | None)),
    *(f"seconds.{part}" for part in ("total", "start_up", "warm_up", "training", "test")),
)

DIRECTIONS = ("maximize", "minimize")


@dataclass(frozen=True)
class Ranking:
    """What the runs of a sweep are ranked by, and whether the largest ("max") or the smallest is the first."""

    metric: str
    mode: str

    @property
    def in_words(self) -> str:
        return f"{self.metric}, the {'largest' if self.mode == 'max' else 'smallest'} first"


def read_ranking(options: dict[str, Any], config: dict[str, Any]) -> Ranking:
    """What `conf/sweep/default.yaml` says, of the task in `config`; a UserError if runs can't be ranked by that."""
    task, metric = config.get("task") or {}, str(options["metric"])
    kind = task_kind(task)
    if kind and metric not in (known := (*kind.logged, *kind.tested)):
        raise UserError(
            f"sweep.metric={metric}: there is no such metric. There are: {', '.join(known)}." + hint(metric, known)
        )
    return Ranking(metric, check_mode("sweep.metric", metric, "sweep.mode", options["mode"], task))


@dataclass(frozen=True)
class Objectives:
    """Names of metrics, or of fields of the summary such as `parameters` or `seconds.training`; a direction each."""

    metrics: list[str]
    directions: list[str]

    def values(self, summary: Summary) -> list[float]:
        """What a run came to; nan where it has no such number."""
        return [_value(summary, name) for name in self.metrics]


def read_objectives(options: dict[str, Any], config: dict[str, Any]) -> Objectives:
    """What `conf/hydra/sweeper/optuna.yaml` says, of a run's `config`; a UserError if it can't be looked for."""
    named, given = options["metrics"], options["direction"]
    metrics = [str(one) for one in (named if isinstance(named, list) else [named])]
    directions = [None] * len(metrics) if given is None else given if isinstance(given, list) else [given]
    if len(metrics) != len(directions):
        raise UserError(
            f"hydra.sweeper.metrics={metrics} and hydra.sweeper.direction={directions}: "
            "give one direction for each metric, or null."
        )
    kind = task_kind(config["task"])
    known = (*kind.logged, *kind.tested, *NUMBERS) if kind else NUMBERS
    for name in metrics:
        if kind and name not in known:
            raise UserError(
                f"hydra.sweeper.metrics={name}: runs have no such number. They have: {', '.join(known)}."
                + hint(name, known)
            )
    chosen = [
        check_mode("hydra.sweeper.metrics", name, "hydra.sweeper.direction", one, config["task"], DIRECTIONS)
        for name, one in zip(metrics, directions, strict=True)
    ]
    return Objectives(metrics, chosen)


def _value(summary: Summary, name: str) -> float:
    if name in summary.metrics:
        return summary.metrics[name]
    found: Any = summary
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else getattr(found, part, None)
    if isinstance(found, int | float):
        return float(found)
    if summary.status == "completed":
        raise UserError(
            f"hydra.sweeper.metrics={name}: runs have no such number here. They have: {', '.join(summary.metrics)}."
        )
    return float("nan")
