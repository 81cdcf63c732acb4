"""The database in which Optuna keeps a study."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from optuna import Study
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial
from sqlalchemy.exc import IntegrityError, NoSuchModuleError, OperationalError, ProgrammingError, SQLAlchemyError

from sweepformer.errors import UserError

ATTEMPTS = 10  # to make the tables of a database while another sweep makes them too


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
