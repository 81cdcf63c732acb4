"""What goes wrong through no fault of the program."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in a command, a config or a data file.

    The message is all that the user sees, so it says what was given, where (key, file, row), what is
    allowed and what to do. Anything that is not a UserError is a bug of ours, and keeps its traceback.
    """


class SweepTerminated(SystemExit):
    """SIGTERM has told a sweep to end, and with it the run that is trained in its own process."""


class Diverged(UserError):
    """The loss is infinite or not a number: the settings are such that nothing is learned."""


def hint(given: str, allowed: Iterable[str], prefix: str = "") -> str:
    """For the end of a message: the allowed name that `given` may be a misspelling of; nothing if none is like it."""
    near = difflib.get_close_matches(given, list(allowed), n=1)
    return f" Did you mean {prefix}{near[0]}?" if near else ""
