"""A comparison as one page of HTML that needs nothing from anywhere else."""

import html
import json
from collections.abc import Sequence
from importlib.resources import files
from string import Template

from sweepformer.analysis.comparison import plots, tables
from sweepformer.analysis.comparison.comparison import Comparison
from sweepformer.analysis.comparison.costs import COSTS
from sweepformer.analysis.comparison.curves import Curve
from sweepformer.analysis.comparison.files import sayable
from sweepformer.analysis.comparison.mistakes import confusion, worst_mistakes
from sweepformer.analysis.comparison.words import findings, notes
from sweepformer.errors import UserError
from sweepformer.screen.command_line import install_line

CONFUSIONS = 5  # of the best runs
MISTAKES = 30  # of the best run
LONG = 40  # letters of a cell that may go on in the next line

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
    page = Template(files("sweepformer.analysis.comparison").joinpath("page.html").read_text(encoding="utf-8"))
    # In a script "<" could end it: JSON can say it otherwise.
    data = json.dumps(sayable(drawn), allow_nan=False).replace("<", "\\u003c")
    return page.substitute(title=html.escape(title), body=_body(comparison, drawn), plotly=get_plotlyjs(), plots=data)


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


def _body(comparison: Comparison, drawn: dict[str, Choices]) -> str:
    metric, best = comparison.metric, comparison.best.name
    parts = [_list(findings(comparison)), _table(tables.ranking(comparison), "A click on a heading sorts.")]
    if comparison.repeated:
        parts.append(_table(tables.repeated(comparison)))
    parts.append(
        _plot("parallel", drawn, "Settings and metrics", "Drag along an axis to choose runs, its name to move it.")
    )
    parts.append(_plot("effects", drawn, f"What {metric.name} depends on", "Means were all other settings alike."))
    if comparison.effects.of_keys:
        parts.append(_table(tables.effects(comparison)))
    parts.append(
        _plot("curves", drawn, "Training curves", f"The best {_most_lines(drawn, 'curves')} runs that logged it.")
    )
    parts.append(_plot("costs", drawn, "Cost and quality", "No run is both cheaper and better than one of the front."))
    parts.append(_table(tables.fronts(comparison)))
    parts.append(_plot("confusion", drawn, "Confusion on the test split", "Shares of each true class."))
    if mistakes := worst_mistakes(comparison.best, MISTAKES):
        rows = [[one.id, one.label, one.prediction, f"{one.size:.4g}"] for one in mistakes]
        columns = ["row (id)", "true", "predicted", "sure, or off by"]
        parts.append(_table(tables.Table(f"Worst mistakes of run {best}", columns, rows)))
    if comparison.lost:
        parts.append(_table(tables.lost(comparison.lost)))
    if said := notes(comparison):
        parts.append("<h2>Notes</h2>" + _list(said))
    return "\n".join(part for part in parts if part)


def _most_lines(drawn: dict[str, Choices], place: str) -> int:
    """The most lines of any plot at a place."""
    return max((len(plot["data"]) for plot in drawn.get(place, {}).values()), default=0)


def _plot(place: str, drawn: dict[str, Choices], title: str, about: str) -> str:
    if place not in drawn:
        return ""
    choices = list(drawn[place])
    options = "".join(f"<option value={index}>{html.escape(name)}</option>" for index, name in enumerate(choices))
    select = (
        f'<select data-plot="{place}" aria-label="{html.escape(title)}">{options}</select>' if len(choices) > 1 else ""
    )
    heading = f"<h2>{html.escape(title)}</h2>\n<p class=hint>{html.escape(about)} {select}</p>"
    return f'{heading}\n<div class=wide><div class=plot id="{place}"></div></div>'


def _table(table: tables.Table, about: str = "") -> str:
    head = "".join(f"<th><button>{html.escape(name)}</button></th>" for name in table.columns)
    rows = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>\n" for row in table.rows)
    hint = f"<p class=hint>{html.escape(about)}</p>" if about else ""
    return (
        f"<h2>{html.escape(table.title)}</h2>{hint}\n<div class='wide tall'><table><thead><tr>{head}</tr></thead>"
        f"<tbody>\n{rows}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    return f"<td{' class=long' if len(text) > LONG else ''}>{html.escape(text)}</td>"


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>"
