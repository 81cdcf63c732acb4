"""Whether a command ended as commands should: with a result, or with one clear message."""

import re

from benchmarks.soak.processes import Command, Ending
from sweepformer.runs.directory import FINAL, RunDirectory

MOST_LINES, MOST_CHARACTERS = 30, 6000


def complaint(command: Command, ending: Ending, goes_on: bool = False) -> str | None:
    """What is wrong with how it ended; None if nothing.

    goes_on: its directory was a run's before. It may then be refused at the door, and leaves it as it was.
    """
    if ending.code is None:
        return "it hangs"
    if ending.code < 0:
        return f"it died of signal {-ending.code}"
    for sign in ("Traceback (most recent call last)", "This was not expected"):
        if sign in ending.screen:
            return f"{sign}: {_last_line(ending)}"
    run = RunDirectory(command.directory)
    summary = run.read_summary()
    if ending.code == 0:
        return None if summary and summary.status in FINAL else "it ended well, without a result"
    if not ending.message.strip():
        return f"exit code {ending.code} and no message"
    if len(ending.message.splitlines()) > MOST_LINES or len(ending.message) > MOST_CHARACTERS:
        return f"a message of {len(ending.message.splitlines())} lines, {len(ending.message)} characters"
    if summary is None and goes_on:
        return None
    if run.read_config() is not None and (summary is None or summary.status not in ("failed", "diverged")):
        return f"it failed, and its summary says {summary.status if summary else 'nothing'}"
    return None


def kind_of_message(message: str) -> str:
    """A message without what it was said of: values, paths and numbers."""
    first = next((line for line in message.splitlines() if line.strip()), "")
    first = re.sub(r"'[^']*'|\"[^\"]*\"|/\S+|=\S*|-?\d[\d.,e+]*", "_", first)
    return first[:160]


def _last_line(ending: Ending) -> str:
    lines = [line for line in (ending.message or ending.screen).splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("Error")), lines[-1] if lines else "")[:300]
