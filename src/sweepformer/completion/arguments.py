"""What may come next after a verb whose arguments argparse reads."""

from argparse import Action, ArgumentParser, _AppendAction
from collections.abc import Iterable

from sweepformer.completion.run_folders import run_folders

RUNS = ("run", "runs")  # what arguments are called that name runs' directories
MANY = ("*", "+")


def argument_words(parser: ArgumentParser, before: list[str], word: str) -> list[str]:
    """What the last word may become; those that are complete end in a space. Nothing where files or names are meant.

    before: the words between the verb and this one.
    """
    flags = parser._option_string_actions
    asked, places = _read(before, flags)
    if asked:
        return _values(asked, word)
    flag, equals, value = word.partition("=")
    if equals and flag in flags:
        return [f"{flag}={found}" for found in _values(flags[flag], value)]
    if word.startswith("-"):
        return [f"{one} " for one in _open_flags(flags, before) if one.startswith(word)]
    arguments = parser._get_positional_actions()
    if places >= len(arguments) and not (arguments and arguments[-1].nargs in MANY):
        return []
    return _values(arguments[min(places, len(arguments) - 1)], word)


def _read(before: Iterable[str], flags: dict[str, Action]) -> tuple[Action | None, int]:
    """The flag whose value comes next, if one does; how many arguments without a flag have come."""
    asked: Action | None = None
    places = 0
    for word in before:
        flag, equals, _ = word.partition("=")
        if asked:
            asked = None
        elif flag in flags:
            asked = flags[flag] if flags[flag].nargs != 0 and not equals else None
        else:
            places += 1
    return asked, places


def _open_flags(flags: dict[str, Action], before: list[str]) -> list[str]:
    """Those that may still be given: once, or as often as one likes."""
    given = [flags[flag] for word in before if (flag := word.partition("=")[0]) in flags]
    return sorted(
        name
        for name, flag in flags.items()
        if name.startswith("--") and (flag not in given or isinstance(flag, _AppendAction))
    )


def _values(argument: Action, word: str) -> list[str]:
    if argument.choices:
        return [f"{choice} " for choice in argument.choices if str(choice).startswith(word)]
    return run_folders(word) if argument.dest in RUNS else []
