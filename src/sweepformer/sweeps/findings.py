"""What Optuna found: the best trials, and which keys mattered."""

import logging
import warnings

import optuna
from optuna.importance import PedAnovaImportanceEvaluator

from sweepformer.screen.tables import table_text

log = logging.getLogger(__name__)

SHOWN = 20  # best trials, where there are several objectives and so several best


def show_findings(study: optuna.Study, metrics: list[str]) -> str:
    """Print the best trials and the importances of a study that has results; also returned, as Markdown."""
    rows = [
        [
            str(trial.number),
            *(f"{value:.4f}" for value in trial.values),
            " ".join(f"{key}={value}" for key, value in trial.params.items()),
        ]
        for trial in study.best_trials[:SHOWN]
    ]
    one = len(metrics) == 1
    title = "Best trial" if one else "Best trials (none is better in every metric)"
    log.info("\n%s", table_text(title, ["trial", *metrics, "values"], rows[:1] if one else rows))
    lines = ["## What Optuna found", ""]
    lines += [f"- trial {row[0]}: {', '.join(row[1:])}" for row in rows]
    if importances := _importances(study):
        table = [[key, f"{share:.2f}"] for key, share in importances.items()]
        log.info("\n%s", table_text(f"What {metrics[0]} depends on", ["key", "importance"], table))
        lines += ["", f"Importance for {metrics[0]}: " + ", ".join(f"`{key}` {share}" for key, share in table)]
    return "\n".join(lines)


def _importances(study: optuna.Study) -> dict[str, float]:
    evaluator = PedAnovaImportanceEvaluator()  # named, as releases differ in their default
    target = None if len(study.directions) == 1 else (lambda trial: trial.values[0])
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # "too few trials": they are what is there
            return optuna.importance.get_param_importances(study, evaluator=evaluator, target=target)
    except (RuntimeError, ValueError):  # too few trials, or all alike
        return {}
