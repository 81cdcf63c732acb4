"""What completion asks argparse, which can print what a parser takes but not list it, here alone.

A release of Python that changes it fails by name in `tests/contracts/test_argparse.py`.
"""

from argparse import Action, ArgumentParser, _AppendAction


def flags_of(parser: ArgumentParser) -> dict[str, Action]:
    """Every flag by each of its names."""
    return parser._option_string_actions


def arguments_of(parser: ArgumentParser) -> list[Action]:
    """The arguments without a flag, in their order."""
    return parser._get_positional_actions()


def may_come_again(action: Action) -> bool:
    """Whether a flag adds to what it was given before."""
    return isinstance(action, _AppendAction)
