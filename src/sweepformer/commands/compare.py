"""compare: rank finished runs, say which differ, and what that depends on."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sweepformer.commands.finished_runs import in_one_message, whole
from sweepformer.errors import UserError
from sweepformer.files.atomic import write_text
from sweepformer.screen.command_line import command_line, reader_may_leave

if TYPE_CHECKING:
    from sweepformer.analysis.comparison.comparison import Comparison
    from sweepformer.analysis.comparison.metrics import Curve


@reader_may_leave()
def main() -> None:
    """The command line."""
    options = parser().parse_args()
    with in_one_message():
        _compare(options)


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    parser = argparse.ArgumentParser(
        prog=command_line("compare"),
        usage="%(prog)s DIR... [options]",
        description="Rank runs by validation; beside it their test results with intervals, and which of them are not "
        "distinguishable from the best; what the settings do; what quality costs. How: docs/compare.md.",
    )
    add, some, many = parser.add_argument, whole(1), whole(100, 1_000_000)
    add("runs", nargs="+", type=Path, metavar="DIR", help="runs, sweeps, or folders with some")
    add("--metric", help="rank by this (default: task.monitor of the runs, such as val_acc)")
    add("--top", type=some, default=20, metavar="N", help="list so many runs (default: 20)")
    add("--level", type=_share, default=0.95, help="of intervals and tests (default: 0.95)")
    add("--resamples", type=many, default=1000, metavar="N", help="of the test split, for intervals (default: 1000)")
    add("--json", type=Path, metavar="FILE", help="write everything as JSON; - for standard output")
    add("--csv", type=Path, metavar="FILE", help="write a line a run; - for standard output")
    add("--html", type=Path, metavar="FILE", help="write one page with interactive plots")
    add("--curves", type=some, default=20, metavar="N", help="of so many runs, in the page and in JSON (default: 20)")
    return parser


def _compare(options: argparse.Namespace) -> None:
    if options.json == options.csv == Path("-"):
        raise UserError("--json - and --csv -: only one can go to standard output.")
    # numpy and pyarrow load here, so that --help and the shell's TAB need not wait for them
    from sweepformer.analysis.comparison.comparison import Comparison, compare
    from sweepformer.analysis.comparison.files import as_csv, as_json, as_page, require_plotly
    from sweepformer.analysis.comparison.text import as_text, lost
    from sweepformer.screen.tables import table_text

    if options.html:
        require_plotly()
    found = compare(options.runs, options.metric, options.level, options.resamples)
    if not isinstance(found, Comparison):
        if found:
            print(table_text(*lost(found), tight=True))
        raise UserError(f"none of the {len(found)} runs has a result: there is nothing to compare.")
    curves = _curves(found, options.curves) if options.html or options.json else {}
    if Path("-") not in (options.json, options.csv):
        print(as_text(found, options.top), end="")
    if options.json:
        _write(options.json, as_json(found, curves))
    if options.csv:
        _write(options.csv, as_csv(found))
    if options.html:
        title = "Comparison of " + ", ".join(str(folder) for folder in options.runs)
        _write(options.html, as_page(found, curves, title))


def _curves(found: "Comparison", runs: int) -> "dict[str, dict[str, Curve]]":
    """Of the best runs only: event files take long to read."""
    from sweepformer.analysis.comparison.metrics import read_curves

    names = list(dict.fromkeys((found.metric.name, "val_loss", "train_loss")))
    return {run.name: curves for run in found.ranked[:runs] if (curves := read_curves(run, names))}


def _write(path: Path, text: str) -> None:
    if path == Path("-"):
        print(text, end="")
        return
    try:
        write_text(path, text)
    except OSError as error:
        raise UserError(f"{path} can't be written ({error.strerror}).") from error
    print(f"written: {path}", file=sys.stderr)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0.5 <= share < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share from 0.5 to below 1, such as 0.95")
    return share
