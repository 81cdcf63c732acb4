"""What a result costs: time, tokens, parameters; and which runs no other one beats at both."""

import math
from collections.abc import Callable, Sequence

from sweepformer.analysis.comparison.metrics import Metric
from sweepformer.runs.reading import Run

COSTS: dict[str, Callable[[Run], float | None]] = {
    "training seconds": lambda run: run.summary.seconds.get("training"),
    "tokens": lambda run: run.summary.tokens,
    "parameters": lambda run: run.summary.parameters,
}


def pareto_front(runs: Sequence[Run], metric: Metric, cost: str) -> list[Run]:
    """The runs of which none is both cheaper and better, the cheapest first; those of unknown cost are left out."""
    price = COSTS[cost]
    priced = [(price(run), run) for run in runs if not math.isnan(run.metric(metric.name))]
    known = [(value, run) for value, run in priced if value is not None]
    sign = -1 if metric.mode == "max" else 1
    front: list[Run] = []
    for _, run in sorted(known, key=lambda one: (one[0], sign * one[1].metric(metric.name))):
        if not front or metric.is_better(run.metric(metric.name), front[-1].metric(metric.name)):
            front.append(run)
    return front
