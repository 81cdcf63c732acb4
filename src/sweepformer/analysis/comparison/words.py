"""What a comparison comes to, in sentences; for the terminal with the tables among them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sweepformer.analysis.comparison import tables
from sweepformer.analysis.comparison.comparison import Comparison
from sweepformer.screen.tables import table_text, wrapped

MOST_KEYS = 6  # settings for which a line of the terminal has room
MOST_NAMES = 12
VERDICTS = {"same": "not distinguishable from it: ", "worse": "worse: ", "better": "better, although not chosen: "}


def as_text(comparison: Comparison, top: int) -> str:
    """For the terminal: tables and sentences. top: how many runs and settings are listed."""
    parts = [
        tables.ranking(comparison, top, MOST_KEYS),
        "\n".join(map(wrapped, findings(comparison))),
        tables.repeated(comparison, top) if comparison.repeated else None,
        tables.effects(comparison) if comparison.effects.of_keys else None,
        tables.fronts(comparison) if len(comparison.ranked) > 1 else None,
        tables.lost(comparison.lost) if comparison.lost else None,
        "\n".join(wrapped(f"note: {line}") for line in notes(comparison)),
    ]
    written = (table_text(*part, tight=True) if isinstance(part, tables.Table) else part for part in parts if part)
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
    alpha = f"{100 * (1 - comparison.sure.level):.3g} %"
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
