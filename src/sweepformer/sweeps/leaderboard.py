"""How a sweep ended: a ranked table on the screen, `leaderboard.csv`, and a README.md in its directory."""

import logging
import math
import os
import statistics
from datetime import datetime
from typing import Any

from sweepformer.config.metrics import telling
from sweepformer.files.atomic import write_text
from sweepformer.files.delimited import delimited
from sweepformer.files.templates import render
from sweepformer.runs.finding import runs_in
from sweepformer.runs.reading import Run, rank, read_runs
from sweepformer.screen.command_line import command_line
from sweepformer.screen.tables import table_text
from sweepformer.sweeps.sweep import Sweep, command, command_for

log = logging.getLogger(__name__)

MEASURED = ("epochs", "training s")  # headings, after the metrics, of what `_numbers` ends with


def report(sweep: Sweep, findings: str = "") -> int:
    """Print and write what all runs in the sweep's directory came to; returns how many of its jobs have no result."""
    metric = sweep.ranking.metric
    entries = read_runs(runs_in(sweep.path, depth=1))
    ranked = rank(entries, metric, sweep.ranking.mode)
    if ranked and all(math.isnan(entry.metric(metric)) for entry in ranked):
        known = ", ".join(ranked[0].summary.metrics)
        log.warning("warning: sweep.metric=%s: no run has it. They have: %s", metric, known)
    lost = [entry for entry in entries if not entry.has_result]
    keys = list(dict.fromkeys(key for entry in entries for key in entry.settings))
    measured = {name for entry in ranked for name in entry.summary.metrics}
    names = list(dict.fromkeys([metric, *telling("val", measured), *telling("test", measured)]))
    rows = [
        [str(place), entry.name, *entry.settings.values(), *_numbers(entry, names)]
        for place, entry in enumerate(ranked, 1)
    ]
    if rows:
        columns = ["place", "run", *keys, *names, *MEASURED]
        log.info("\n%s", table_text(f"Ranking by {sweep.ranking.in_words}", columns, rows[:20]))
    if lost:
        errors = [[one.name, *one.settings.values(), one.summary.status, one.what_went_wrong] for one in lost]
        log.info("\n%s", table_text(f"{len(lost)} without a result", ["run", *keys, "status", "error"], errors))
        log.info("tracebacks: %s", os.path.relpath(sweep.path / "<run>" / "run.log"))
    files = {
        "leaderboard.csv": _as_csv([*ranked, *lost], keys, names),
        "README.md": _as_markdown(sweep, entries, ranked, keys, names, findings),
    }
    for name, text in files.items():
        try:
            write_text(sweep.path / name, text)
            log.info("written: %s", os.path.relpath(sweep.path / name))
        except OSError as error:  # the results are on the screen, and the exit code is still to come
            log.error("%s can't be written (%s)", sweep.path / name, error.strerror)
    here = os.path.relpath(sweep.path)
    use = [command_line("compare", here), command_line("predict", here, "FILE"), f"tensorboard --logdir {here}"]
    log.info("next:\n  %s", "\n  ".join(use))
    return sum(not job.is_done for job in sweep.jobs)


def _numbers(entry: Run, names: list[str]) -> list[str]:
    values = [f"{entry.metric(name):.4f}" if not math.isnan(entry.metric(name)) else "" for name in names]
    epochs = f"{entry.summary.epochs}{', stopped' if entry.was_stopped else ''}"
    return [*values, epochs, f"{entry.summary.seconds.get('training', math.nan):.1f}"]


def _as_csv(entries: list[Run], keys: list[str], names: list[str]) -> str:
    fields = ["parameters", "epochs", "steps", "tokens_per_second"]
    rows: list[list[Any]] = [["run", "status", *keys, *names, "training_seconds", *fields, "error"]]
    for entry in entries:
        values = [entry.summary.metrics.get(name, "") for name in names]
        rest = [getattr(entry.summary, field) for field in fields]
        error = entry.what_went_wrong if entry.summary.error else ""
        seconds = entry.summary.seconds.get("training", "")
        rows.append([entry.path.name, entry.summary.status, *entry.settings.values(), *values, seconds, *rest, error])
    return delimited(rows)


def _as_markdown(
    sweep: Sweep, entries: list[Run], ranked: list[Run], keys: list[str], names: list[str], findings: str
) -> str:
    """entries: all runs, by number; ranked: those with a result, the best first."""
    return render(
        "sweeps/README.md.jinja",
        name=sweep.path.name,
        ranked=ranked,
        lost=[entry for entry in entries if not entry.has_result],
        today=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        swept={key: list(dict.fromkeys(entry.settings[key] for entry in entries)) for key in keys},
        ranked_by=sweep.ranking.in_words,
        verdict=_verdict(ranked, sweep.ranking.metric) if ranked else "",
        train_again=command_for(ranked[0].summary.overrides) if ranked else "",
        columns=["place", "run", *(f"`{key}`" for key in keys), *names, *MEASURED],
        rows=[
            [str(place), entry.name, *entry.settings.values(), *_numbers(entry, names)]
            for place, entry in enumerate(ranked, 1)
        ],
        findings=findings,
        command=command(),
    )


def _verdict(ranked: list[Run], metric: str) -> str:
    best = ranked[0].metric(metric)
    won = ", ".join(f"`{key}={value}`" for key, value in ranked[0].settings.items()) or "The only setting"
    text = f"{won}: {metric} {best:.4f}"
    whole = [entry.metric(metric) for entry in ranked if not entry.was_stopped]
    if len(whole) > 1 and not ranked[0].was_stopped:
        second, median = abs(best - whole[1]), abs(best - statistics.median(whole))
        text += f", {second:.4f} before the second and {median:.4f} before the median run"
    if len(whole) < len(ranked):
        text += f". {len(ranked) - len(whole)} of {len(ranked)} runs were stopped early and are not compared so"
    return text + "."
