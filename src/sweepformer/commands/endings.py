"""How the commands that use finished runs end when something comes in between: in one message, without a traceback."""

import atexit
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sweepformer.errors import UserError


@contextmanager
def in_one_message(unread: int = 0) -> Iterator[None]:
    """Exit with 1 and a message for mistakes and what the system refuses, and with 130 for Ctrl-C.

    unread: the exit code where whoever reads standard output has seen enough.
    """
    atexit.register(gc.freeze)  # else Python looks through all of torch for garbage first, for half a second
    try:
        yield
        sys.stdout.flush()  # what a pipe refuses shows here
    except UserError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(unread)
    except (OSError, MemoryError) as error:
        sys.exit(f"Error: {type(error).__name__}: {error}")
