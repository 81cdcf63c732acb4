"""The tables of a comparison, as text in columns: the terminal and the page show the same."""

import math
from typing import NamedTuple

from sweepformer.analysis.comparison.comparison import Comparison
from sweepformer.analysis.comparison.metrics import COSTS
from sweepformer.analysis.comparison.statistics import Interval
from sweepformer.runs.reading import Run
from sweepformer.runs.settings import short_names

VERDICTS = {"same": "≈ {best}", "worse": "worse", "better": "better"}


class Table(NamedTuple):
    """A title, the columns' names, and rows of as many cells."""

    title: str
    columns: list[str]
    rows: list[list[str]]


def ranking(comparison: Comparison, top: int | None = None, most_keys: int | None = None) -> Table:
    """The runs with a result, best first; where there is little room, some of them, and some of their settings."""
    metric, tested, keys = comparison.metric, comparison.tested, comparison.keys[:most_keys]
    names = list(dict.fromkeys((metric.name, metric.test)))
    rows = [
        [
            str(place),
            run.name,
            *(run.settings[key] for key in keys),
            *(number(run.metric(name)) for name in names),
            _range(tested.intervals.get(run.name, {}).get(metric.test)),
            *_beside(run, comparison),
            _cost(run, "training seconds"),
        ]
        for place, run in enumerate(comparison.ranked[:top], 1)
    ]
    title = f"Ranked by {metric.name}"
    for what, shown, there in (("runs", rows, comparison.ranked), ("settings", keys, comparison.keys)):
        title += f", {len(shown)} of {len(there)} {what}" if len(shown) < len(there) else ""
    beside = [_level(comparison), "diff.", "p", "verdict", "time s"]
    return Table(title, ["#", "run", *short_names(keys).values(), *names, *beside], rows)


def repeated(comparison: Comparison, top: int | None = None) -> Table:
    """Settings over their seeds: mean and standard deviation."""
    metric, settings = comparison.metric, comparison.repeated[:top]
    keys = list(settings[0].settings) if settings else []
    rows = [
        [
            *one.settings.values(),
            str(len(one.runs)),
            _mean(one.mean, one.spread),
            _mean(one.test_mean, one.test_spread),
            "" if one.difference is None else f"{one.difference:+.4f}",
            _range(one.range),
            _p(one.corrected),
        ]
        for one in settings
    ]
    beside = ["diff.", _level(comparison), "p"]
    columns = [*short_names(keys).values(), "seeds", metric.name, metric.test, *beside]
    return Table("Settings over seeds, best first: mean ± standard deviation", columns, rows)


def effects(comparison: Comparison) -> Table:
    """What the metric depends on, a line a value."""
    found = comparison.effects
    rows = []
    for effect in found.of_keys:
        about = [effect.key, f"{100 * effect.share:.0f} %", _p(effect.p) if effect.separable else "not separable"]
        order = "" if effect.order is None else f"{effect.order:+.2f}"
        for one in effect.levels:
            rows.append([*about, one.value or "(default)", str(one.runs), number(one.mean), _range(one.range), order])
            about, order = ["", "", ""], ""
    title = f"What {comparison.metric.name} depends on, by {found.runs} runs (the rest: {100 * found.rest:.0f} %)"
    columns = ["key", "share", "p", "value", "runs", "mean", _level(comparison), "rank corr."]
    return Table(title, columns, rows)


def fronts(comparison: Comparison) -> Table:
    """Runs of which none is cheaper and better, for at least one of the costs."""
    rows = [
        [
            run.name,
            *(run.settings[key] for key in comparison.keys),
            number(run.metric(comparison.metric.name)),
            *(_cost(run, cost) + (" *" if run in front else "") for cost, front in comparison.fronts.items()),
        ]
        for run in comparison.ranked
        if any(run in front for front in comparison.fronts.values())
    ]
    columns = ["run", *short_names(comparison.keys).values(), comparison.metric.name, *COSTS]
    return Table("Cost and quality (* Pareto front: no run is both cheaper and better)", columns, rows)


def lost(runs: list[Run]) -> Table:
    """Runs without a result, and why."""
    keys = list(runs[0].settings)
    rows = [[run.name, *(run.settings[key] for key in keys), run.summary.status, run.what_went_wrong] for run in runs]
    return Table(f"{len(runs)} without a result", ["run", *short_names(keys).values(), "status", "error"], rows)


def number(value: float) -> str:
    """Four digits after the point; nothing for NaN."""
    return "" if math.isnan(value) else f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"


def _beside(run: Run, comparison: Comparison) -> list[str]:
    """Difference to the best run, corrected p-value and verdict, as far as there is one."""
    stopped = "stopped early" if run.was_stopped else ""
    if pair := comparison.tested.pairs.get(run.name):
        best = "best" if pair.best == comparison.best.name else pair.best
        verdict = VERDICTS[pair.verdict].format(best=best)
        return [f"{pair.difference:+.4f}", _p(pair.corrected), ", ".join(filter(None, (verdict, stopped)))]
    leads = any(names[0] == run.name and len(names) > 1 for _, names in comparison.tested.splits)
    best = "" if not leads else "best" if run is comparison.best else "(best)"  # of its own test split
    return ["", "", ", ".join(filter(None, ((best, stopped))))]


def _level(comparison: Comparison) -> str:
    return f"{100 * comparison.sure.level:g} %"


def _mean(mean: float, spread: float) -> str:
    return number(mean) + ("" if math.isnan(spread) else f" ± {number(spread)}")


def _range(known: Interval | None) -> str:
    return "" if known is None else f"{known.low:,.3f}{'-' if known.low >= 0 else ' to '}{known.high:,.3f}"


def _p(value: float | None) -> str:
    return "" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def _cost(run: Run, cost: str) -> str:
    value = COSTS[cost](run)
    return "" if value is None else f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
