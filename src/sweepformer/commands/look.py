"""look: what files of one's own hold, what would be made of them, and the command that trains on them."""

import argparse
import re
import sys
from pathlib import Path

from sweepformer.commands.finished_runs import in_one_message, whole
from sweepformer.errors import UserError
from sweepformer.files.atomic import write_text
from sweepformer.screen.command_line import command_line

OPTIONS = "format|encoding|separator|quoting|header"  # that are keys of a run too


def main() -> None:
    """The command line."""
    options = parser().parse_args()
    with in_one_message():
        try:
            _look(options)
        except UserError as error:  # of the reader, which speaks of a run's keys
            said = re.sub(rf"data\.({OPTIONS})=", r"--\1 ", str(error))
            raise UserError(re.sub(rf"data\.({OPTIONS})\b", r"--\1", said)) from error


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    parser = argparse.ArgumentParser(
        prog=command_line("look"),
        usage="%(prog)s FILE... [options]",
        description="What your own files hold, before anything is trained: how they are read, columns, classes, "
        "lengths, repeats, rows of test that stand in train, what is wrong with rows; and the command that trains.",
    )
    add = parser.add_argument
    add(
        "files",
        nargs="+",
        metavar="FILE",
        help="train, validation and test, told by their names or else in this order; or a folder: a class a folder or "
        "file, or a dataset",
    )
    add("--text-column", metavar="NAME", help="default: by the columns' names, or the longest strings")
    add(
        "--label-column",
        metavar="NAME",
        help="default: by the columns' names, or few values that repeat; a,b,c of 0 and 1",
    )
    add("--format", metavar="NAME", help="such as csv, jsonl, lines, fasttext (default: what the files are)")
    add(
        "--encoding",
        metavar="NAME",
        help="such as cp1252 (default: UTF-8, UTF-16 by its mark, or a guess that is told)",
    )
    add("--separator", metavar="CHARACTER", help="between columns, such as ';' or tab (default: what the files have)")
    add("--quoting", choices=("true", "false"), help="whether quotes may enclose a field (default: as the files are)")
    add("--header", choices=("true", "false"), help="whether the first row names the columns (default: as it looks)")
    add("--rows", type=whole(0), default=5, metavar="N", help="show so many of the first rows (default: 5)")
    add("--html", type=Path, metavar="FILE", help="also write all of it as one page")
    return parser


def _look(options: argparse.Namespace) -> None:
    # numpy and more load here, so that --help and the shell's TAB need not wait for them
    from sweepformer.analysis.look.counting import look
    from sweepformer.analysis.look.parts import given
    from sweepformer.analysis.look.report import as_page, as_text
    from sweepformer.data.reading.form import Asked

    yes = {None: None, "true": True, "false": False}
    asked = Asked(options.format, options.encoding, options.separator, yes[options.quoting], yes[options.header])
    label = options.label_column
    found = look(given(options.files, asked, label), options.text_column, label, options.rows)
    print(as_text(found), end="")
    if options.html:
        try:
            write_text(options.html, as_page(found))
        except OSError as error:
            raise UserError(f"{options.html} can't be written ({error.strerror}).") from error
        print(f"written: {options.html}", file=sys.stderr)
