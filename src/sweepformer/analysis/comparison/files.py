"""A comparison for other programs: JSON with all that is known, CSV with a line a run."""

import json
import math
from dataclasses import asdict
from typing import Any

from sweepformer.analysis.comparison.comparison import Comparison
from sweepformer.analysis.comparison.metrics import COSTS
from sweepformer.analysis.comparison.single_runs import Curve
from sweepformer.analysis.comparison.words import findings, notes
from sweepformer.files.delimited import delimited
from sweepformer.runs.reading import Run

BESIDE = ("beside", "difference", "difference_low", "difference_high", "p", "p_corrected", "verdict")  # the best run


def as_json(comparison: Comparison, curves: dict[str, dict[str, Curve]]) -> str:
    """Everything, numbers in full; null where there is none. curves: by run and metric, of the runs that were read."""
    tested = comparison.tested
    content = {
        "metric": asdict(comparison.metric),
        "level": comparison.sure.level,
        "resamples": comparison.sure.resamples,
        "findings": findings(comparison),
        "notes": notes(comparison),
        "runs": [{"place": place, **_run(run, comparison)} for place, run in enumerate(comparison.ranked, 1)],
        "test_splits": [
            {"rows": rows, "runs": names} for rows, names in zip(tested.rows, tested.shared_by, strict=True)
        ],
        "settings": [asdict(one) for one in comparison.repeated],
        "effects": asdict(comparison.effects),
        "pareto_fronts": {cost: [run.name for run in runs] for cost, runs in comparison.fronts.items()},
        "curves": {run: {name: curve._asdict() for name, curve in found.items()} for run, found in curves.items()},
        "without_a_result": [{**_about(run), "error": run.what_went_wrong} for run in comparison.lost],
        "same_config_as_another": [_about(run) for run in comparison.twice],
    }
    return json.dumps(sayable(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


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


def sayable(node: Any) -> Any:
    """What JSON can say: null for NaN and infinity."""
    if isinstance(node, dict):
        return {key: sayable(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [sayable(value) for value in node]
    return None if isinstance(node, float) and not math.isfinite(node) else node
