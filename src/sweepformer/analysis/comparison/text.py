"""What a comparison comes to, as text: tables, which the terminal and the page both show, and sentences."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sweepformer.analysis.comparison.comparison import Comparison
from sweepformer.analysis.comparison.metrics import COSTS
from sweepformer.analysis.comparison.statistics import Interval
from sweepformer.runs.reading import Run, short_names
from sweepformer.screen.tables import table_text, wrapped

MOST_KEYS = 6  # settings for which a line of the terminal has room
MOST_NAMES = 12
VERDICTS = {"same": "not distinguishable from it: ", "worse": "worse: ", "better": "better, although not chosen: "}
IN_A_WORD = {"same": "≈ {best}", "worse": "worse", "better": "better"}


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
        verdict = IN_A_WORD[pair.verdict].format(best=best)
        return [f"{pair.difference:+.4f}", _p(pair.corrected), ", ".join(filter(None, (verdict, stopped)))]
    leads = any(names[0] == run.name and len(names) > 1 for _, names in comparison.tested.splits)
    best = "" if not leads else "best" if run is comparison.best else "(best)"  # of its own test split
    return ["", "", ", ".join(filter(None, ((best, stopped))))]


def _level(comparison: Comparison) -> str:
    return f"{100 * comparison.level:g} %"


def _mean(mean: float, spread: float) -> str:
    return number(mean) + ("" if math.isnan(spread) else f" ± {number(spread)}")


def _range(known: Interval | None) -> str:
    return "" if known is None else f"{known.low:,.3f}{'-' if known.low >= 0 else ' to '}{known.high:,.3f}"


def _p(value: float | None) -> str:
    return "" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def _cost(run: Run, cost: str) -> str:
    value = COSTS[cost](run)
    return "" if value is None else f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def as_text(comparison: Comparison, top: int) -> str:
    """For the terminal: tables and sentences. top: how many runs and settings are listed."""
    parts = [
        ranking(comparison, top, MOST_KEYS),
        "\n".join(map(wrapped, findings(comparison))),
        repeated(comparison, top) if comparison.repeated else None,
        effects(comparison) if comparison.effects.of_keys else None,
        fronts(comparison) if len(comparison.ranked) > 1 else None,
        lost(comparison.lost) if comparison.lost else None,
        "\n".join(wrapped(f"note: {line}") for line in notes(comparison)),
    ]
    written = (table_text(*part, tight=True) if isinstance(part, Table) else part for part in parts if part)
    return "\n\n".join(written) + "\n"


def findings(comparison: Comparison) -> list[str]:
    """Which run is best, and which are not distinguishable from it; how far that can be trusted."""
    metric, best, count = comparison.metric, comparison.best, len(comparison.ranked)
    settings = " ".join(f"{key}={value}" for key, value in best.settings.items() if value)
    called = f"run {best.name}" + (f" ({settings})" if settings else "")
    lines = [f"The best of {count} by {metric.name} is {called}: {best.metric(metric.name):.4f}."]
    for rows, names in comparison.tested.splits:
        lines += _verdicts(comparison, rows, names)
    if metric.name == metric.test:
        lines.append(
            f"Ranked by {metric.test} itself: the best of {count} by test is so partly by chance, and its number is "
            "optimistic. Choose by validation."
        )
    elif count > 1:
        lines.append(
            f"Ranked by {metric.name}, of which the best of many is optimistic; {metric.test} is not what runs were "
            "chosen by. To pick the best by test instead would make that optimistic too."
        )
    return [*lines, _on_seeds(comparison)]


def notes(comparison: Comparison) -> list[str]:
    """What was left out of what, and why."""
    stopped = [run for run in comparison.ranked if run.was_stopped]
    left_out = {
        "Stopped early by the sweep, ranked by what they came to, and left out of effects and settings": stopped,
        "Left out, as other runs have the same config": comparison.twice,
    }
    return [
        *_on_tasks(comparison),
        *_on_pairs(comparison),
        *(f"{what}: {_names(run.name for run in runs)}." for what, runs in left_out.items() if runs),
        *(f"No effect is told of {key}: hardly two runs share a value of it." for key in comparison.effects.left_out),
    ]


def _verdicts(comparison: Comparison, rows: int, names: Sequence[str]) -> list[str]:
    """One sentence for the runs of one test split."""
    pairs = {name: pair for name in names if (pair := comparison.tested.pairs.get(name))}
    if not pairs:
        return []
    by_verdict = _grouped({name: pair.verdict for name, pair in pairs.items()})
    test = "McNemar's test" if next(iter(pairs.values())).test == "McNemar" else "paired bootstrap"
    said = "; ".join(words + _names(by_verdict[one]) for one, words in VERDICTS.items() if one in by_verdict)
    alpha = f"{100 * (1 - comparison.level):.3g} %"
    return [
        f"Beside run {names[0]} on {rows:,} test rows ({comparison.metric.test}, {test}, {alpha} over all "
        f"{len(comparison.tested.pairs)} comparisons by Holm): {said}."
    ]


def _on_seeds(comparison: Comparison) -> str:
    spreads = [one.spread for one in comparison.repeated if len(one.runs) > 1]
    if not spreads:
        return (
            "No setting has more than one seed: intervals and tests tell of other test rows only, not of other seeds, "
            "which may move a run as far (Bouthillier et al. 2021). Add seed=0,1,2."
        )
    return (
        f"Seeds alone move {comparison.metric.name} by a standard deviation of up to {max(spreads):.4f} within a "
        "setting: a test of two runs is of these runs, not of their settings (Bouthillier et al. 2021). See the means."
    )


def _on_tasks(comparison: Comparison) -> list[str]:
    tasks = _grouped({run.name: str(run.config.get("task", {}).get("_target_")) for run in comparison.ranked})
    if len(tasks) < 2:
        return []
    several = "; ".join(f"{task.rpartition('.')[2]}: {_names(names)}" for task, names in tasks.items())
    return [f"These runs learn different tasks, whose numbers don't compare: {several}."]


def _on_pairs(comparison: Comparison) -> list[str]:
    tested, test = comparison.tested, comparison.metric.test
    lines = []
    if len(tested.splits) > 1:
        groups = "; ".join(_names(names) for _, names in tested.splits[:MOST_NAMES])
        lines.append(
            f"There are {len(tested.splits)} different test splits (the seed cuts them, unless data.test_file is "
            f"given); only runs of the same one can be paired: {groups}."
        )
    for reason, names in _grouped(tested.unknown).items():
        lines.append(f"Without interval and test: {_names(names)}: {reason}.")
    if tested.intervals and not any(test in found for found in tested.intervals.values()):
        lines.append(f"{test} has no interval: it doesn't follow from what predictions.parquet keeps.")
    return lines


def _grouped(by_name: dict[str, str]) -> dict[str, list[str]]:
    """Names by what is said of them."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, said in by_name.items():
        found[said].append(name)
    return found


def _names(names: Iterable[str]) -> str:
    """Some names, and how many more."""
    names = list(names)
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ("run " if len(names) == 1 else "runs ") + ", ".join(names[:MOST_NAMES]) + more
