"""The interactive plots of a comparison, as Plotly's own descriptions: plain dictionaries.

Text in them is escaped: Plotly reads some of HTML. Lines and dots have the colours of Okabe and Ito (2008), scales go
from orange to blue or by lightness: readers with any colour vision tell them apart.
"""

import html
import math
from collections.abc import Sequence
from typing import Any

from sweepformer.analysis.comparison.comparison import Comparison
from sweepformer.analysis.comparison.effects import Effect, numbers_of
from sweepformer.analysis.comparison.metrics import COSTS, Curve
from sweepformer.analysis.comparison.predictions import Confusion
from sweepformer.runs.reading import Run, short_names

Plot = dict[str, Any]
LAYOUT: Plot = {
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "legend": {"orientation": "h", "y": -0.25},
    "margin": {"l": 60, "r": 20, "t": 20, "b": 50},
    "hoverlabel": {"namelength": -1},
    "paper_bgcolor": "white",
    "plot_bgcolor": "#f6f7f9",
}
# From poor to good, or from none to all: dark is where one looks first on a light page.
POOR_TO_GOOD = [[0, "#e8b96a"], [0.5, "#7f93a3"], [1, "#003a70"]]
NONE_TO_ALL = [[0, "#f6f7f9"], [0.5, "#6fa3cf"], [1, "#003a70"]]
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d00", "#000000")
DASHES = ("solid", "dash", "dot", "dashdot")  # of lines that share a colour
LONGEST = 28  # letters of a name on an axis


def parallel_coordinates(comparison: Comparison) -> Plot | None:
    """A line a run, through its settings to its metrics; an axis can be dragged along, to choose runs."""
    metric, runs = comparison.metric, comparison.ranked
    known = [run for run in runs if not math.isnan(run.metric(metric.name))]
    if len(known) < 2 or not comparison.keys:
        return None
    names = short_names(comparison.keys)
    axes = [_axis(names[key], [run.settings[key] for run in known]) for key in comparison.keys]
    for name in dict.fromkeys((metric.name, metric.test)):
        values = [run.metric(name) for run in known]
        if not any(map(math.isnan, values)):
            axes.append({"label": text(name), "values": values})
    values = [run.metric(metric.name) for run in known]
    line = {
        "color": values,
        "colorscale": POOR_TO_GOOD,
        "reversescale": metric.mode == "min",
        "showscale": True,
        "colorbar": {"title": {"text": text(metric.name)}, "thickness": 12},
    }
    trace = {"type": "parcoords", "dimensions": axes, "line": line}
    return _plot([trace], height=420, margin={"l": 70, "r": 40, "t": 60, "b": 30})


def curves(comparison: Comparison, found: dict[str, dict[str, Curve]], metric: str) -> Plot | None:
    """A metric by optimizer step, a line a run."""
    traces = []
    for place, run in enumerate(comparison.ranked):
        dash, colour = divmod(place, len(COLOURS))
        if curve := found.get(run.name, {}).get(metric):
            mode = "lines+markers" if len(curve.steps) < 30 else "lines"
            line = {"color": COLOURS[colour], "dash": DASHES[dash % len(DASHES)], "width": 1.5}
            trace = {"type": "scatter", "mode": mode, "name": _label(run), "x": curve.steps, "y": curve.values}
            traces.append({**trace, "line": line, "marker": {"size": 4}})
    if not traces:
        return None
    axes = {"xaxis": _titled("optimizer step"), "yaxis": _titled(metric)}
    return _plot(traces, **axes, hovermode="closest", height=420 + 14 * len(traces))


def effects(comparison: Comparison) -> Plot | None:
    """What each value of each key comes to, were all else alike, with its interval."""
    found = comparison.effects.of_keys
    traces = [_of_key(effect, COLOURS[place % len(COLOURS)]) for place, effect in enumerate(found)]
    if not traces:
        return None
    height = 140 + 24 * sum(len(effect.levels) for effect in found)
    axis = {"autorange": "reversed", "automargin": True}
    return _plot(traces, xaxis=_titled(comparison.metric.name), yaxis=axis, height=height, showlegend=False)


def cost(comparison: Comparison, by: str) -> Plot | None:
    """Quality against what is paid for it, and the front of what is worth its price."""
    metric, price = comparison.metric.name, COSTS[by]
    known = [run for run in comparison.ranked if price(run) is not None and not math.isnan(run.metric(metric))]
    if len(known) < 2:
        return None
    front = [run for run in comparison.fronts[by] if run in known]
    dots = {"type": "scatter", "mode": "markers", "name": "runs", **_points(known, metric, by)}
    dots["marker"] = {"color": COLOURS[0], "size": 8, "opacity": 0.7}
    line = {"type": "scatter", "mode": "lines+markers", "name": "Pareto front", **_points(front, metric, by)}
    line["line"] = {"color": COLOURS[1], "shape": "hv"}
    line["marker"] = {"color": COLOURS[1], "size": 10, "symbol": "diamond"}
    scale = {"type": "log"} if all((price(run) or 0) > 0 for run in known) else {}
    return _plot([dots, line], xaxis=_titled(by) | scale, yaxis=_titled(metric), hovermode="closest", height=440)


def confusion(found: Confusion) -> Plot:
    """Shares of each true class; the counts where the pointer is."""
    shares = found.counts / found.counts.sum(1, keepdims=True).clip(1)
    names = [text(name) for name in found.classes]
    places = list(range(len(names)))
    ticks = {"tickvals": places, "ticktext": [_short(name) for name in found.classes], "automargin": True}
    trace = {
        "type": "heatmap",
        "x": places,
        "y": places,
        "z": shares.round(4).tolist(),
        "customdata": [
            [[count, true, said] for count, said in zip(row, names, strict=True)]
            for row, true in zip(found.counts.tolist(), names, strict=True)
        ],
        "hovertemplate": "%{customdata[1]} taken for %{customdata[2]}: %{customdata[0]} rows, %{z:.1%}<extra></extra>",
        "colorscale": NONE_TO_ALL,
        "zmin": 0,
        "zmax": 1,
        "colorbar": {"tickformat": ".0%", "thickness": 12},
    }
    height = 300 + 16 * len(names)
    down = _titled("true") | ticks | {"autorange": "reversed"}
    return _plot([trace], xaxis=_titled("predicted") | ticks | {"tickangle": -60}, yaxis=down, height=height)


def text(value: str) -> str:
    """A user's words, as Plotly shows them letter by letter."""
    return html.escape(value, quote=False)


def _axis(label: str, settings: Sequence[str]) -> Plot:
    known = numbers_of(settings)
    numbers = [] if known is None else known.tolist()
    order: list[Any] = sorted(set(numbers)) or list(dict.fromkeys(settings))
    # A few numbers, or powers of ten, stand evenly: to scale, all but the largest would fall together.
    if numbers and len(order) > 8 and (order[0] <= 0 or order[-1] / order[0] < 100):
        return {"label": text(label), "values": numbers}
    if numbers and len(order) > 8:
        values = [math.log10(one) for one in numbers]
        places = list(range(math.floor(min(values)), math.ceil(max(values)) + 1))
        names = [f"{10.0**one:g}" for one in places]
    else:
        values = [order.index(one) for one in numbers or settings]
        places = list(range(len(order)))
        names = [f"{one:g}" if numbers else _short(one or "(default)") for one in order]
    return {"label": text(label), "values": values, "tickvals": places, "ticktext": names}


def _of_key(effect: Effect, colour: str) -> Plot:
    means = [level.mean for level in effect.levels]
    ranges = [level.range or (level.mean, level.mean) for level in effect.levels]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": text(effect.key),
        "x": means,
        "y": [f"{_short(effect.key)} = {_short(level.value or '(default)')}" for level in effect.levels],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [high - mean for (_, high), mean in zip(ranges, means, strict=True)],
            "arrayminus": [mean - low for (low, _), mean in zip(ranges, means, strict=True)],
        },
        "marker": {"color": colour, "size": 9},
    }


def _points(runs: Sequence[Run], metric: str, by: str) -> Plot:
    return {
        "x": [COSTS[by](run) for run in runs],
        "y": [run.metric(metric) for run in runs],
        "text": [_label(run) for run in runs],
        "hovertemplate": "%{text}<br>%{x:,.4g}, %{y:.4f}<extra></extra>",
    }


def _label(run: Run) -> str:
    settings = " ".join(f"{key.rpartition('.')[2]}={value}" for key, value in run.settings.items() if value)
    return text(f"{run.name} {settings}"[: 3 * LONGEST])


def _short(name: str) -> str:
    return text(name if len(name) <= LONGEST else name[: LONGEST - 1] + "…")


def _titled(title: str) -> Plot:
    return {"title": {"text": text(title)}, "automargin": True}


def _plot(traces: list[Plot], **layout: Any) -> Plot:
    return {"data": traces, "layout": {**LAYOUT, **layout}}
