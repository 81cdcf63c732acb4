"""Loading torch and Lightning, which is what a short run spends most of its time on."""

import gc
import sys
from collections.abc import Callable

from sweepformer.runs.directory import Summary


def load_run() -> Callable[..., Summary]:
    """`training.run.run`, and with it all that a run needs.

    Of what is loaded nothing becomes garbage. Looking for some takes a second on the way and two more when the
    program ends, and in a fork it copies memory that could be shared: it is not looked through, now or later.
    """
    first_time = "sweepformer.training.run" not in sys.modules
    if first_time:
        gc.disable()
    from sweepformer.training.run import run

    if first_time:
        gc.freeze()
        gc.enable()
    return run
