"""The recorded runs of benchmarks.quality as Markdown: what is reached, by how much it is better, and what it costs."""

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.known_figures import PUBLISHED, Known, best_known
from benchmarks.recorded_runs import spread, states_of_code
from benchmarks.tables import markdown

Runs = list[dict[str, Any]]
OURS = "default"
BASELINES = ("tfidf", "bag_of_ngrams")


def tables(runs: Runs, recipes: Sequence[str]) -> str:
    """Accuracy beside the baselines, the conclusion, macro F1 with calibration, and cost.

    recipes: the order of columns.
    """
    if not runs:
        return "Nothing is recorded yet."
    of_set = {name: [run for run in runs if run["set"] == name] for name in sorted({run["set"] for run in runs})}
    shown = [recipe for recipe in recipes if _of(runs, recipe)]
    parts = [
        _accuracies(of_set, shown),
        _conclusion(of_set),
        "Macro F1, and the expected calibration error of the default recipe before and after its temperature:",
        _f1_and_calibration(of_set, shown),
        _mean_calibration(of_set),
        "Seconds of the processor for a run of one thread, from its first row to its test (> where it was interrupted: "
        "for the last part); in brackets millions of tokens that it learned from:",
        _costs(of_set, shown),
        states_of_code(runs, "quality"),
    ]
    return "\n\n".join(part for part in parts if part)


def best_baseline(name: str, runs: Runs) -> float | None:
    """The best mean test accuracy, in percent, of a set's baselines: those measured here and those that are known."""
    measured = [_mean(found, "test_acc") for recipe in BASELINES if (found := _of(runs, recipe))]
    known = best_known(name)
    if known and known.comparable:
        measured.append(known.accuracy)
    return max(measured, default=None)


def gain(name: str, runs: Runs) -> float | None:
    """Points by which the default recipe is above the best baseline; None where either isn't known."""
    ours, baseline = _of(runs, OURS), best_baseline(name, runs)
    return _mean(ours, "test_acc") - baseline if ours and baseline is not None else None


def _accuracies(of_set: dict[str, Runs], shown: Sequence[str]) -> str:
    head = ["test accuracy, %", "known baseline", "published, neural", *_columns(shown), "above the best baseline"]
    rows = []
    for name, runs in of_set.items():
        reached = [_percent(runs, recipe, "test_acc") + _cut_short(runs, recipe) for recipe in shown]
        points = gain(name, runs)
        above = "" if points is None else f"{points:+.1f}"
        rows.append([name, _told(best_known(name)), _told(PUBLISHED.get(name)), *reached, above])
    return markdown(head, rows)


def _conclusion(of_set: dict[str, Runs]) -> str:
    gains = [points for name, runs in of_set.items() if (points := gain(name, runs)) is not None]
    if not gains:
        return ""
    won = sum(points >= 0 for points in gains)
    rest = "" if len(gains) == len(of_set) else " (on the others it isn't measured yet)"
    return (
        f"The default recipe is at or above the best baseline, known or measured here, on {won} of {len(gains)} "
        f"sets{rest}; on average {statistics.mean(gains):+.1f} points."
    )


def _f1_and_calibration(of_set: dict[str, Runs], shown: Sequence[str]) -> str:
    head = ["macro F1, %", *_columns(shown), "error before, %", "after, %"]
    rows = [
        [name, *(_percent(runs, recipe, "test_f1") for recipe in shown)]
        + [_percent(runs, OURS, metric) for metric in ("test_ece_raw", "test_ece")]
        for name, runs in of_set.items()
    ]
    return markdown(head, rows)


def _mean_calibration(of_set: dict[str, Runs]) -> str:
    ours = [found for runs in of_set.values() if (found := _of(runs, OURS))]
    if not ours:
        return ""
    before, after = (
        statistics.mean(_mean(runs, metric) for runs in ours) / 100 for metric in ("test_ece_raw", "test_ece")
    )
    return f"Its calibration error is {before:.3f} before and {after:.3f} after, on average over its sets."


def _costs(of_set: dict[str, Runs], shown: Sequence[str]) -> str:
    rows = [[name, *(_cost(_of(runs, recipe)) for recipe in shown)] for name, runs in of_set.items()]
    return markdown(["seconds (tokens)", *_columns(shown)], rows)


def _cost(runs: Runs) -> str:
    """Of the first seed, which is there wherever the recipe is."""
    if not runs:
        return ""
    run = runs[0]
    seconds = ("> " if run["resumed"] else "") + f"{run['cpu_seconds']:.0f}"
    return seconds + (f" ({run['tokens'] / 1e6:.2f})" if run["tokens"] else "")


def _columns(shown: Sequence[str]) -> list[str]:
    return [f"`{recipe}`" for recipe in shown]


def _percent(runs: Runs, recipe: str, metric: str) -> str:
    return spread(100 * run[metric] for run in _of(runs, recipe) if metric in run)


def _cut_short(runs: Runs, recipe: str) -> str:
    found = _of(runs, recipe)
    short = found and any(one.startswith("trainer.max_epochs=") for one in found[0]["overrides"])
    return f" (cut short after epoch {found[0]['epochs']})" if short else ""


def _told(known: Known | None) -> str:
    if known is None:
        return ""
    return f"{known.accuracy:.1f} {known.method}" + ("" if known.comparable else " (other rows)")


def _of(runs: Runs, recipe: str) -> Runs:
    return [run for run in runs if run["recipe"] == recipe]


def _mean(runs: Runs, metric: str) -> float:
    """In percent."""
    return 100 * statistics.mean(run[metric] for run in runs)
