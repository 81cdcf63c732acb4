"""A comparison as files: JSON with all that is known, CSV with a line a run, a page of HTML that needs nothing else."""

import json
import math
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from sweepformer.analysis.comparison import plots, text
from sweepformer.analysis.comparison.comparison import Comparison
from sweepformer.analysis.comparison.metrics import COSTS, Curve
from sweepformer.analysis.comparison.predictions import confusion, worst_mistakes
from sweepformer.errors import UserError
from sweepformer.files.delimited import delimited
from sweepformer.files.templates import render
from sweepformer.runs.reading import Run
from sweepformer.screen.command_line import install_line

CONFUSIONS = 5  # of the best runs
MISTAKES = 30  # of the best run
BESIDE = ("beside", "difference", "difference_low", "difference_high", "p", "p_corrected", "verdict")  # the best run


def as_json(comparison: Comparison, curves: dict[str, dict[str, Curve]]) -> str:
    """Everything, numbers in full; null where there is none. curves: by run and metric, of the runs that were read."""
    content = {
        "metric": asdict(comparison.metric),
        "level": comparison.level,
        "resamples": comparison.resamples,
        "findings": text.findings(comparison),
        "notes": text.notes(comparison),
        "runs": [{"place": place, **_run(run, comparison)} for place, run in enumerate(comparison.ranked, 1)],
        "test_splits": [{"rows": rows, "runs": names} for rows, names in comparison.tested.splits],
        "settings": [asdict(one) for one in comparison.repeated],
        "effects": asdict(comparison.effects),
        "pareto_fronts": {cost: [run.name for run in runs] for cost, runs in comparison.fronts.items()},
        "curves": {run: {name: curve._asdict() for name, curve in found.items()} for run, found in curves.items()},
        "without_a_result": [{**_about(run), "error": run.what_went_wrong} for run in comparison.lost],
        "same_config_as_another": [_about(run) for run in comparison.twice],
    }
    return json.dumps(_sayable(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(comparison: Comparison) -> str:
    """A line a run, the best first, those without a result last."""
    runs = [*comparison.ranked, *comparison.lost]
    metrics = list(dict.fromkeys(name for run in runs for name in run.summary.metrics))
    lines = [_line(run, place, metrics, comparison) for place, run in enumerate(runs, 1)]
    return delimited([list(lines[0]), *(list(line.values()) for line in lines)])


def _line(run: Run, place: int, metrics: list[str], comparison: Comparison) -> dict[str, Any]:
    test = comparison.metric.test
    low, high = comparison.tested.intervals.get(run.name, {}).get(test, (None, None))
    pair = comparison.tested.pairs.get(run.name)
    beside = pair and (pair.best, pair.difference, *pair.range, pair.p, pair.corrected, pair.verdict)
    return {
        "place": place if run.has_result else None,
        "run": run.name,
        "path": run.path,
        "status": run.summary.status,
        **run.settings,
        **{name: run.summary.metrics.get(name) for name in metrics},
        f"{test}_low": low,
        f"{test}_high": high,
        **dict(zip(BESIDE, beside or [None] * len(BESIDE), strict=True)),
        **{cost.replace(" ", "_"): price(run) for cost, price in COSTS.items()},
        "epochs": run.summary.epochs,
        "steps": run.summary.steps,
        "error": None if run.has_result else run.what_went_wrong,
    }


def _run(run: Run, comparison: Comparison) -> dict[str, Any]:
    pair = comparison.tested.pairs.get(run.name)
    return {
        **_about(run),
        "metrics": run.summary.metrics,
        "intervals": comparison.tested.intervals.get(run.name, {}),
        "beside_the_best": pair and asdict(pair),
        "costs": {cost: price(run) for cost, price in COSTS.items()},
        "epochs": run.summary.epochs,
        "steps": run.summary.steps,
    }


def _about(run: Run) -> dict[str, Any]:
    return {"run": run.name, "path": str(run.path), "status": run.summary.status, "settings": run.settings}


def _sayable(node: Any) -> Any:
    """What JSON can say: null for NaN and infinity."""
    if isinstance(node, dict):
        return {key: _sayable(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_sayable(value) for value in node]
    return None if isinstance(node, float) and not math.isfinite(node) else node


def require_plotly() -> None:
    """Before anything is read.

    Raises:
        UserError: the package that draws is missing.
    """
    if find_spec("plotly") is None:
        raise UserError(f"--html needs the extra [report]: {install_line('report')}")


def as_page(comparison: Comparison, curves: dict[str, dict[str, Curve]], title: str) -> str:
    """The page. curves: by run and metric, of the runs that are drawn; title: plain text."""
    from plotly.offline import get_plotlyjs

    drawn = _plots(comparison, curves)
    worst = worst_mistakes(comparison.best, MISTAKES)
    mistakes = [[one.id, one.label, one.prediction, f"{one.size:.4g}"] for one in worst]
    columns = ["row (id)", "true", "predicted", "sure, or off by"]
    return render(
        "analysis/comparison/page.html",
        title=title,
        metric=comparison.metric.name,
        findings=text.findings(comparison),
        ranking=text.ranking(comparison),
        repeated=text.repeated(comparison),
        effects=text.effects(comparison),
        fronts=text.fronts(comparison),
        mistakes=text.Table(f"Worst mistakes of run {comparison.best.name}", columns, mistakes),
        lost=text.lost(comparison.lost) if comparison.lost else None,
        notes=text.notes(comparison),
        drawn=drawn,
        most_curves=max((len(plot["data"]) for plot in drawn.get("curves", {}).values()), default=0),
        plotly=get_plotlyjs(),
        # In a script "<" could end it: JSON can say it otherwise.
        plots=json.dumps(_sayable(drawn), allow_nan=False).replace("<", "\\u003c"),
    )


def _plots(comparison: Comparison, curves: dict[str, dict[str, Curve]]) -> dict[str, dict[str, plots.Plot]]:
    """By place on the page and then by what can be chosen there; places with nothing to show are left out."""
    logged = dict.fromkeys(name for found in curves.values() for name in found)
    confusions = {run.name: found for run in comparison.ranked[:CONFUSIONS] if (found := confusion(run))}
    drawn: dict[str, dict[str, plots.Plot | None]] = {
        "parallel": {"": plots.parallel_coordinates(comparison)},
        "effects": {"": plots.effects(comparison)},
        "costs": {cost: plots.cost(comparison, cost) for cost in COSTS},
        "curves": {name: plots.curves(comparison, curves, name) for name in logged},
        "confusion": {f"run {name}": plots.confusion(found) for name, found in confusions.items()},
    }
    there = {place: {name: one for name, one in choices.items() if one} for place, choices in drawn.items()}
    return {place: choices for place, choices in there.items() if choices}
