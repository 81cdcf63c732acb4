"""A comparison as one page of HTML that needs nothing from anywhere else."""

import json

from sweepformer.analysis.comparison import plots, tables
from sweepformer.analysis.comparison.comparison import Comparison
from sweepformer.analysis.comparison.files import sayable
from sweepformer.analysis.comparison.metrics import COSTS
from sweepformer.analysis.comparison.single_runs import Curve, confusion, worst_mistakes
from sweepformer.analysis.comparison.words import findings, notes
from sweepformer.errors import UserError
from sweepformer.files.templates import render
from sweepformer.screen.command_line import install_line

CONFUSIONS = 5  # of the best runs
MISTAKES = 30  # of the best run

Choices = dict[str, plots.Plot]


def require_plotly() -> None:
    """Before anything is read.

    Raises:
        UserError: the package that draws is missing.
    """
    from importlib.util import find_spec

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
        findings=findings(comparison),
        ranking=tables.ranking(comparison),
        repeated=tables.repeated(comparison),
        effects=tables.effects(comparison),
        fronts=tables.fronts(comparison),
        mistakes=tables.Table(f"Worst mistakes of run {comparison.best.name}", columns, mistakes),
        lost=tables.lost(comparison.lost) if comparison.lost else None,
        notes=notes(comparison),
        drawn=drawn,
        most_curves=max((len(plot["data"]) for plot in drawn.get("curves", {}).values()), default=0),
        plotly=get_plotlyjs(),
        # In a script "<" could end it: JSON can say it otherwise.
        plots=json.dumps(sayable(drawn), allow_nan=False).replace("<", "\\u003c"),
    )


def _plots(comparison: Comparison, curves: dict[str, dict[str, Curve]]) -> dict[str, Choices]:
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
