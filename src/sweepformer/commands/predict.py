"""predict: answer for the rows of a file with a finished run."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sweepformer.commands.finished_runs import add_usual, carry_out, loaded, parser_of, reading
from sweepformer.errors import UserError
from sweepformer.screen.command_line import command_line

if TYPE_CHECKING:
    from sweepformer.inference.prediction_files import Report
    from sweepformer.inference.predictor import Predictor


def main() -> None:
    """The command line."""
    carry_out(parser(), _predict, unread=1)


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    parser = parser_of(
        "predict",
        "Answer for the rows of a file with a finished run: the same rows come out with the predicted label and the "
        "probabilities of all classes added. If there is a label column, it says how many are right.",
        usage="RUN INPUT [--output FILE] [options]",
    )
    add = parser.add_argument
    add("input", metavar="INPUT", help="a file or folder of any form that can be trained on, or - for standard input")
    add("--output", type=Path, metavar="FILE", help="where to, in the same form (default: the screen)")
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--resume", action="store_true", help="go on where the same command was stopped")
    ways.add_argument("--overwrite", action="store_true", help="begin anew, whatever is there")
    add("--no-probabilities", action="store_true", help="add the prediction alone")
    add("--prefix", default="", help="of the names of the added columns")
    add("--chunk-rows", type=int, default=8192, metavar="N", help="rows in memory at a time")
    add_usual(parser, label="what the answers are compared with, if it is there", form=True)
    return parser


def _predict(options: argparse.Namespace) -> None:
    try:
        _write_predictions(options)
    except KeyboardInterrupt:
        _say_how_to_go_on(options)
        raise


def _write_predictions(options: argparse.Namespace) -> None:
    if options.resume and options.output is None:
        raise UserError("--resume needs --output: rows on the screen are not kept.")
    # torch loads here, so that --help need not wait for it
    from sweepformer.inference.prediction_files import Options, predict_file

    run, asked = loaded(options), reading(options)
    if options.input == "-" and sys.stdin.isatty():
        print(
            "type texts, one a line; Ctrl-D ends" if asked["way"].ending == ".txt" else "type rows; Ctrl-D ends",
            file=sys.stderr,
        )
    report = predict_file(
        run,
        Path(options.input),
        options.output,
        Options(
            **asked,
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
