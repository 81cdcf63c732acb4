"""The database in which Optuna keeps a study, and what it found: the best trials, and which keys mattered."""

import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from optuna import Study
from optuna.exceptions import StorageInternalError
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial
from sqlalchemy.exc import IntegrityError, NoSuchModuleError, OperationalError, ProgrammingError, SQLAlchemyError

from sweepformer.errors import UserError
from sweepformer.screen.tables import table_text

log = logging.getLogger(__name__)

ATTEMPTS = 10  # to make the tables of a database while another sweep makes them too
SHOWN = 20  # best trials, where there are several objectives and so several best


def open_storage(url: Any) -> RDBStorage:
    """The database at a URL, with Optuna's tables in it; a UserError if it is none that can be used here."""
    if not isinstance(url, str):
        raise UserError(f"hydra.sweeper.storage={url} must be a database URL such as sqlite:////data/studies.db.")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return RDBStorage(url)
        except (IntegrityError, OperationalError, ProgrammingError) as error:
            others = isinstance(error, IntegrityError) or "already exists" in str(error)
            if not others or attempt == ATTEMPTS:
                raise
            time.sleep(0.1 * attempt)
        except ImportError as error:
            missing = error.__cause__ or error
            package = getattr(missing, "name", None) or "its driver"
            raise UserError(f"hydra.sweeper.storage={url} needs the package {package}: pip install it.") from error
        except NoSuchModuleError as error:
            raise UserError(f"hydra.sweeper.storage={url}: there is no such kind of database ({error}).") from error
    raise AssertionError("the last attempt returns or raises")


def report_value(study: Study, trial: FrozenTrial, value: float, step: int) -> None:
    """Record a value of a trial on its way. Only `Trial` can, which Optuna makes of drawn trials and not of those that
    it is asked for; how it is made is tested in `tests/contracts/test_optuna.py`.
    """
    Trial(study, trial._trial_id).report(value, step)


@contextmanager
def storage_errors(url: str | None) -> Iterator[None]:
    """Say what to do about a database that fails."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        cause = str(error.__cause__ or error).strip().splitlines()[0]
        raise UserError(
            f"hydra.sweeper.storage={url or 'optuna.db in the sweep directory'} can't be used: {cause}. Mend or "
            "remove it (runs are kept: the same command finds them again), or give another hydra.sweeper.storage=..."
        ) from error


def show_findings(study: Study, metrics: list[str]) -> str:
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


def _importances(study: Study) -> dict[str, float]:
    evaluator = PedAnovaImportanceEvaluator()  # named, as releases differ in their default
    target = None if len(study.directions) == 1 else (lambda trial: trial.values[0])
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # "too few trials": they are what is there
            return get_param_importances(study, evaluator=evaluator, target=target)
    except (RuntimeError, ValueError):  # too few trials, or all alike
        return {}
