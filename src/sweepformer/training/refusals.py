"""What Lightning refuses once it knows the data: as much a user's mistake as what is refused before."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from pytorch_lightning.utilities.exceptions import MisconfigurationException

from sweepformer.errors import UserError, is_out_of_memory


@contextmanager
def as_mistakes() -> Iterator[None]:
    """Raises what Lightning itself raises of wrong settings as a UserError; what our own code raises stays as it is."""
    try:
        yield
    except MisconfigurationException as error:
        raise _mistake(error) from error
    except (ValueError, TypeError, RuntimeError) as error:
        if not _module(error.__traceback__).startswith("pytorch_lightning.") or is_out_of_memory(error):
            raise
        raise _mistake(error) from error


def _mistake(error: Exception) -> UserError:
    return UserError(f"trainer: {' '.join(str(error).split())}")


def _module(trace: TracebackType | None) -> str:
    """The module in which an exception arose."""
    name = ""
    while trace is not None:
        name, trace = str(trace.tb_frame.f_globals.get("__name__", "")), trace.tb_next
    return name
