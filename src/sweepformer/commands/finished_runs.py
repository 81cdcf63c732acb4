"""What the commands that use finished runs share: arguments, how a run is loaded, and how they end."""

import argparse
import atexit
import gc
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sweepformer.errors import UserError
from sweepformer.screen.command_line import command_line, reader_may_leave

if TYPE_CHECKING:
    from sweepformer.inference.predictor import Predictor

FORMS = ("csv", "tsv", "jsonl", "txt")  # of standard input


def parser_of(verb: str, description: str, usage: str | None = None, or_else: str = "") -> argparse.ArgumentParser:
    """A parser whose first argument is the run. or_else: what else than a run may be named."""
    parser = argparse.ArgumentParser(
        prog=command_line(verb), usage=usage and f"%(prog)s {usage}", description=description
    )
    named = f"a checkpoint, or {or_else}" if or_else else "or a checkpoint"
    parser.add_argument("run", metavar="RUN", help=f"a run's directory, a sweep's (its best run), {named}")
    return parser


def add_usual(parser: argparse.ArgumentParser, label: str = "", form: bool = False, device: bool = True) -> None:
    """What most of them take.

    label: what the labels of the rows that are read are for, "" if none are read; form: these may come from standard
    input; device: the run answers where one likes.
    """
    add = parser.add_argument
    if label:
        add("--text-column", metavar="NAME", help="default: as the run was trained with")
        add("--pair-column", metavar="NAME", help="of the second text, where rows are pairs")
        add("--label-column", metavar="NAME", help=label)
        add(
            "--encoding",
            metavar="NAME",
            help="of INPUT, such as cp1252 (default: UTF-8, or as the run was trained with)",
        )
    if form:
        add("--format", choices=FORMS, help="of standard input (default: txt), or of a file without ending")
    if device:
        add("--device", default="auto", help="auto (default: a GPU if there is one), cpu, cuda, cuda:1")
    add("--allow", action="append", default=[], metavar="PACKAGE", help="run code of this package, if the run names it")


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """What reads a whole number from an argument."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least or (most and int(text) > most):
            allowed = f" from {least} to {most:,}" if most else f", at least {least}"
            raise argparse.ArgumentTypeError(f"{text} is not a whole number{allowed}")
        return int(text)

    return read


def reading(options: argparse.Namespace) -> dict[str, Any]:
    """How INPUT is read: which columns, and what isn't seen from it; as `named` and `way`."""
    from sweepformer.inference.file_columns import Named  # torch loads here
    from sweepformer.inference.inputs import Way

    form = getattr(options, "format", None)
    ending = f".{form}" if form else ".txt" if options.input == "-" else None
    named = Named(options.text_column, options.pair_column, options.label_column)
    return {"named": named, "way": Way(ending, options.encoding)}


def loaded(options: argparse.Namespace, precision: str = "auto") -> "Predictor":
    """The run that was named; says which that is where there was a choice."""
    from sweepformer.inference.loading import load  # torch loads here, so that --help need not wait for it
    from sweepformer.models.attention import use_fast_float32

    use_fast_float32()
    run = load(options.run, device=options.device, precision=precision, allowed_packages=options.allow)
    if run.chosen:
        print(f"{run.chosen}: {run.path}", file=sys.stderr)
    return run


@reader_may_leave()  # whom --help is enough
def carry_out(parser: argparse.ArgumentParser, act: Callable[[argparse.Namespace], Any], unread: int = 0) -> None:
    """The command line of one of them. unread: as `in_one_message`."""
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    with in_one_message(unread):
        act(options)


@contextmanager
def in_one_message(unread: int = 0) -> Iterator[None]:
    """Exit with 1 and a message for mistakes and what the system refuses, and with 130 for Ctrl-C.

    unread: the exit code where whoever reads standard output has seen enough.
    """
    atexit.register(gc.freeze)  # else Python looks through all of torch for garbage first, for half a second
    try:
        with reader_may_leave(unread):
            yield
    except UserError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    except (OSError, MemoryError) as error:
        sys.exit(f"Error: {type(error).__name__}: {error}")
