"""completion: let the shell complete verbs, flags, runs, config groups, keys and values."""

import argparse
import re
import shlex
from argparse import Action, ArgumentParser, _AppendAction
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from sweepformer.commands.completed_overrides import run_folders
from sweepformer.commands.verbs import VERBS
from sweepformer.screen.command_line import command_line, reader_may_leave

RUNS = ("run", "runs")  # what arguments are called that name runs' directories
MANY = ("*", "+")


# What is asked of argparse, which can print what a parser takes but not list it, is in these three functions alone: a
# release of Python that changes it fails by name in `tests/contracts/test_argparse.py`.
def flags_of(parser: ArgumentParser) -> dict[str, Action]:
    """Every flag by each of its names."""
    return parser._option_string_actions


def arguments_of(parser: ArgumentParser) -> list[Action]:
    """The arguments without a flag, in their order."""
    return parser._get_positional_actions()


def may_come_again(action: Action) -> bool:
    """Whether a flag adds to what it was given before."""
    return isinstance(action, _AppendAction)


def argument_words(parser: ArgumentParser, before: list[str], word: str) -> list[str]:
    """What the last word may become, after those `before`; complete ones end in a space, files are left out."""
    flags = flags_of(parser)
    asked, places = _read(before, flags)
    if asked:
        return _values(asked, word)
    flag, equals, value = word.partition("=")
    if equals and flag in flags:
        return [f"{flag}={found}" for found in _values(flags[flag], value)]
    if word.startswith("-"):
        return [f"{one} " for one in _open_flags(flags, before) if one.startswith(word)]
    arguments = arguments_of(parser)
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
        name for name, flag in flags.items() if name.startswith("--") and (flag not in given or may_come_again(flag))
    )


def _values(argument: Action, word: str) -> list[str]:
    if argument.choices:
        return [f"{choice} " for choice in argument.choices if str(choice).startswith(word)]
    return run_folders(word) if argument.dest in RUNS else []


# Each hands the line up to the cursor to `--line`, and offers what that prints.
SCRIPTS = {
    "bash": r"""
_sweepformer() {
    local IFS=$'\n' line=${COMP_LINE:0:COMP_POINT}
    local unfinished='([^[:space:]\\]|\\.)*$'
    [[ $line =~ $unfinished ]]
    local word=${BASH_REMATCH[0]}
    COMPREPLY=($("$1" completion --line "$line" 2> /dev/null))
    # Where = parts words, which is usual, only what follows the last one is replaced.
    [[ $COMP_WORDBREAKS != *=* ]] || COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*=}"}"}")
}
complete -o default -o nospace -F _sweepformer sweepformer
""",
    "zsh": r"""
_sweepformer() {
    local -a found
    found=("${(@f)$($words[1] completion --line "${(j: :)words[1,CURRENT]}" 2> /dev/null)}")
    if [[ -n $found ]]; then
        compadd -Q -S '' -a found
    else
        compset -P '*='
        _files
    fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _sweepformer sweepformer
""",
    "fish": r"""
function __sweepformer_words
    set -l line (commandline -cp | string collect)
    set -g __sweepformer_found (sweepformer completion --line $line | string trim --right | string unescape)
    test -n "$__sweepformer_found"
end
complete -c sweepformer -n __sweepformer_words -f -a '$__sweepformer_found'
""",
}


@reader_may_leave()
def main() -> None:
    """The command line."""
    options = parser().parse_args()
    print(SCRIPTS[options.shell] if options.shell else "\n".join(next_words(options.line)))


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    parser = argparse.ArgumentParser(
        prog=command_line("completion"),
        description="Prints what makes a shell complete this command.",
        epilog='In ~/.bashrc: eval "$(sweepformer completion bash)"; in ~/.zshrc the same with zsh; '
        "in fish's config.fish: sweepformer completion fish | source",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("shell", nargs="?", choices=list(SCRIPTS))
    what.add_argument("--line", help="asked by that: a command line up to the cursor; prints what it may go on with")
    return parser


def next_words(line: str) -> list[str]:
    """What the last word of a command line may become; those that are complete end in a space.

    Nothing where files are meant, which shells complete by themselves.
    """
    words = _words(line)
    commands = [number for number, word in enumerate(words) if Path(word).name == "sweepformer"]
    if not commands or not (typed := words[commands[0] + 1 :]):
        return []
    *before, word = typed
    if not before:
        return [f"{verb} " for verb in VERBS if verb.startswith(word)]
    verb, *before = before
    if verb == "run":
        from sweepformer.commands.completed_overrides import run_words  # which loads Hydra

        return run_words(before, word)
    if verb not in VERBS:
        return []
    return argument_words(import_module(f"sweepformer.commands.{verb}").parser(), before, word)


def _words(line: str) -> list[str]:
    """As a shell reads them; the last one is empty where a new one begins."""
    begins = re.search(r"(?<!\\)\s$", line) is not None
    try:
        words = shlex.split(line)
    except ValueError:  # a quote is still open
        words = line.split()
    return [*words, *([""] if begins or not line else [])]
