"""What runs are compared by: a metric, whether a large one is good, and what the result costs."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sweepformer.config.kinds import task_kind
from sweepformer.config.metrics import recorded_direction
from sweepformer.errors import UserError, hint
from sweepformer.runs.reading import Run


@dataclass(frozen=True)
class Metric:
    """What runs are ranked by (`name`), and what of the test split stands beside it and is tested (`test`).

    mode, test_mode: "max" or "min", is a large one good or a small one.
    """

    name: str
    test: str
    mode: str
    test_mode: str


def choose_metric(runs: Sequence[Run], given: str | None) -> Metric:
    """The metric that is asked for, or what the runs themselves chose their best checkpoints by.

    Args:
        runs: with a result.

    Raises:
        UserError: no run has it, or the runs go by different ones and none was asked for.
    """
    found = Counter(run.config.get("task", {}).get("monitor", "val_acc") for run in runs)
    if given is None and len(found) > 1:
        several = ", ".join(f"{name} ({count} runs)" for name, count in found.most_common())
        raise UserError(
            f"these runs go by different metrics: {several}. Compare them apart, or choose one that they share with "
            "--metric NAME."
        )
    name = given or next(iter(found))
    asked = f"--metric {name}" if given else f"task.monitor={name}"
    measured = dict.fromkeys(metric for run in runs for metric in run.summary.metrics)
    if name not in measured:
        has = ", ".join(measured) or "none"
        raise UserError(f"{asked}: no run has it. They have: {has}.{hint(name, measured)} Choose with --metric NAME.")
    mode = recorded_direction(name, *(run.config.get("task", {}) for run in runs))
    if name.startswith("test_"):
        return Metric(name, name, mode, mode)
    alike = name.partition("_")[2]
    kinds = {task_kind(run.config.get("task", {})) for run in runs}
    kind = kinds.pop() if len(kinds) == 1 else None
    if alike == "loss" and kind and kind.labelled.has_names and f"test_{kind.metrics[0]}" in measured:
        # By their `test_loss`, which doesn't follow from `predictions.parquet`, no run could be told from another.
        return Metric(name, f"test_{kind.metrics[0]}", mode, "max")
    return Metric(name, f"test_{alike}", mode, mode)


COSTS: dict[str, Callable[[Run], float | None]] = {
    "training seconds": lambda run: run.summary.seconds.get("training"),
    "tokens": lambda run: run.summary.tokens,
    "parameters": lambda run: run.summary.parameters,
}


def pareto_front(runs: Sequence[Run], metric: Metric, cost: str) -> list[Run]:
    """The runs of which none is both cheaper and better, the cheapest first; those of unknown cost are left out."""
    sign = -1 if metric.mode == "max" else 1
    priced = [(COSTS[cost](run), sign * run.metric(metric.name), run) for run in runs]
    known = [(price, value, run) for price, value, run in priced if price is not None and not math.isnan(value)]
    front: list[Run] = []
    best = math.inf
    for _, value, run in sorted(known, key=lambda one: one[:2]):
        if value < best or not front:
            front.append(run)
            best = value
    return front
