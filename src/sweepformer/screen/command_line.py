"""Commands that messages advise, in the words of the one that was typed, and readers of theirs that leave early."""

import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sweepformer.config.presets import IS_CLONE


def command_line(verb: str, *arguments: str) -> str:
    """`sweepformer VERB ...`, or `python -m src.VERB ...` where one of the files in src/ was called; quoted."""
    through_a_door = IS_CLONE and Path(sys.argv[0]).parent.name == "src"
    program = ["python", "-m", f"src.{verb}"] if through_a_door else ["sweepformer", verb]
    return shlex.join([*program, *arguments])


def install_line(extra: str) -> str:
    """How to install an extra of this package: of a clone, or of what pip has installed."""
    return f"pip install -c constraints.txt -e '.[{extra}]'" if IS_CLONE else f"pip install 'sweepformer[{extra}]'"


@contextmanager
def reader_may_leave(code: int = 0) -> Iterator[None]:
    """Exit with `code`, without a word, where whoever reads standard output has seen enough, as `| head` has."""
    try:
        yield
        sys.stdout.flush()  # what a pipe refuses shows here
    except BrokenPipeError:
        _write_nowhere()
        sys.exit(code)
    except SystemExit:  # its message and code stay
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _write_nowhere()
        raise


def _write_nowhere() -> None:
    """Let go of what is still to be written: Python would stumble over it at its end."""
    with suppress(OSError, ValueError):  # no file, as in a notebook
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def quoted(value: object) -> str:
    """A value of an override, as Hydra takes any text."""
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", str(value))
    return f"'{escaped}'"
