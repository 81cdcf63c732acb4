"""What goes wrong through no fault of the program."""

import difflib
from collections.abc import Iterable

# The last is all that oneDNN says when it gets no memory for a product.
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "could not create a primitive")


class UserError(Exception):
    """A mistake in a command, a config or a data file.

    The message is all that the user sees, so it says what was given, where (key, file, row), what is
    allowed and what to do. Anything that is not a UserError is a bug of ours, and keeps its traceback.
    """


class SweepTerminated(SystemExit):
    """SIGTERM has told a sweep to end, and with it the run that is trained in its own process."""


class Diverged(UserError):
    """Loss, gradients or weights are NaN or infinite: the settings are such that nothing is learned."""


def comes_of_ctrl_c(error: BaseException | None) -> bool:
    """Whether an error is Ctrl-C, or arose while that was on its way: some libraries stumble over what they left half
    done."""
    seen: set[int] = set()  # OmegaConf's errors are their own cause while a debugger or coverage traces the program
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the machine's or a device's memory is used up, in any of the ways that torch has."""
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in OUT_OF_MEMORY)


def listed(names: Iterable[object], most: int = 20, longest: int = 60) -> str:
    """Names for a message, however many and long they are: a torn file may have a column of a megabyte."""
    shown = [str(name) for name in names]
    short = [name if len(name) <= longest else f"{name[: longest - 1]}…" for name in shown[:most]]
    return ", ".join(short) + (f", and {len(shown) - most} more" if len(shown) > most else "")


def hint(given: object, allowed: Iterable[str], prefix: str = "") -> str:
    """For the end of a message: the allowed name that `given` may be a misspelling of; nothing if none is like it."""
    words = [name for name in allowed if len(name) < 100]  # whole texts are compared for ever
    near = difflib.get_close_matches(str(given), words, n=1)
    return f" Did you mean {prefix}{near[0]}?" if near else ""
