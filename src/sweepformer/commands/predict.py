"""predict: answer for the rows of a file with a finished run."""

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sweepformer.commands.endings import in_one_message
from sweepformer.errors import UserError
from sweepformer.screen.command_line import command_line

if TYPE_CHECKING:
    from sweepformer.inference.prediction_files import Report
    from sweepformer.inference.predictor import Predictor

FORMS = ("csv", "tsv", "jsonl", "txt")


def main() -> None:
    """The command line."""
    options = parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    with in_one_message(unread=1):
        try:
            _predict(options)
        except KeyboardInterrupt:
            _say_how_to_go_on(options)
            raise


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    parser = argparse.ArgumentParser(
        prog=command_line("predict"),
        usage="%(prog)s RUN INPUT [--output FILE] [options]",
        description="Answer for the rows of a file with a finished run: the same rows come out with the predicted "
        "label and the probabilities of all classes added. If there is a label column, it says how many are right.",
    )
    parser.add_argument("run", metavar="RUN", help="a run's directory, a sweep's (its best run), or a checkpoint")
    parser.add_argument(
        "input", metavar="INPUT", help="a CSV, TSV, JSONL, Parquet or text file (.gz too), or - for standard input"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to, in the same form (default: the screen)")
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--resume", action="store_true", help="go on where the same command was stopped")
    ways.add_argument("--overwrite", action="store_true", help="begin anew, whatever is there")
    parser.add_argument("--text-column", metavar="NAME", help="default: as the run was trained with")
    parser.add_argument("--pair-column", metavar="NAME", help="of the second text, where rows are pairs")
    parser.add_argument("--label-column", metavar="NAME", help="what the answers are compared with, if it is there")
    parser.add_argument("--format", choices=FORMS, help="of standard input (default: txt), or of a file without ending")
    parser.add_argument("--no-probabilities", action="store_true", help="add the prediction alone")
    parser.add_argument("--prefix", default="", help="of the names of the added columns")
    parser.add_argument("--device", default="auto", help="auto (default: a GPU if there is one), cpu, cuda, cuda:1")
    parser.add_argument("--chunk-rows", type=int, default=8192, metavar="N", help="rows in memory at a time")
    parser.add_argument(
        "--allow", action="append", default=[], metavar="PACKAGE", help="run code of this package, if the run names it"
    )
    return parser


def _predict(options: argparse.Namespace) -> None:
    path = Path(options.input)
    ending = f".{options.format}" if options.format else ".txt" if options.input == "-" else None
    if options.resume and options.output is None:
        raise UserError("--resume needs --output: rows on the screen are not kept.")
    from sweepformer import load  # torch loads here, so that --help need not wait for it
    from sweepformer.inference.prediction_files import Options, predict_file
    from sweepformer.models.attention import use_fast_float32

    use_fast_float32()
    run = load(options.run, device=options.device, allowed_packages=options.allow)
    if run.chosen:
        print(f"{run.chosen}: {run.path}", file=sys.stderr)
    if options.input == "-" and sys.stdin.isatty():
        print("type texts, one a line; Ctrl-D ends" if ending == ".txt" else "type rows; Ctrl-D ends", file=sys.stderr)
    report = predict_file(
        run,
        path,
        options.output,
        Options(
            text_column=options.text_column,
            pair_column=options.pair_column,
            label_column=options.label_column,
            ending=ending,
            probabilities=not options.no_probabilities,
            prefix=options.prefix,
            chunk_rows=options.chunk_rows,
            resume=options.resume,
            overwrite=options.overwrite,
            progress=options.output is not None or not sys.stdout.isatty(),  # it would stand among the rows
        ),
    )
    _tell(run, report, options.output)


def _tell(run: "Predictor", report: "Report", output: Path | None) -> None:
    if report.was_whole:
        print(f"{output} is whole already: nothing to do", file=sys.stderr)
        return
    lines = [f"{report.rows:,} rows" + (f" written to {output}" if output else "")]
    if report.cut:
        lines.append(f"{report.cut:,} of them are too long to be read whole: {run.what_is_read}")
    if report.without_text:
        lines.append(f"{report.without_text:,} of them have no text, and no answer")
    print("\n".join([*lines, *filter(None, [str(report.tally)])]), file=sys.stderr)


def _say_how_to_go_on(options: argparse.Namespace) -> None:
    if options.output is None:
        return
    given = [argument for argument in sys.argv[1:] if argument not in ("--resume", "--overwrite")]
    command = command_line("predict", *given, "--resume")
    print(f"\nstopped; what was written is kept. To go on:\n  {command}", file=sys.stderr)
