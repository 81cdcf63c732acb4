"""evaluate: how good a finished run is on labelled rows."""

import argparse
import logging
import sys
from pathlib import Path

from sweepformer.commands.endings import in_one_message
from sweepformer.errors import UserError
from sweepformer.runs.directory import RunDirectory
from sweepformer.screen.command_line import command_line


def main() -> None:
    """The command line."""
    options = parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    with in_one_message():
        _evaluate(options)


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    parser = argparse.ArgumentParser(
        prog=command_line("evaluate"),
        usage="%(prog)s RUN [INPUT] [options]",
        description="How good a finished run is on labelled rows: metrics with 95 % intervals, each class, what is "
        "taken for what, whether probabilities can be believed, and the worst mistakes.",
    )
    parser.add_argument("run", metavar="RUN", help="a run's directory, a sweep's (its best run), or a checkpoint")
    parser.add_argument(
        "input",
        nargs="?",
        type=Path,
        metavar="INPUT",
        help="a CSV, TSV, JSONL or Parquet file with labels (default: the run's test split)",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="also write evaluation.json, mistakes.csv, pictures")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--mistakes", type=_number, default=10, metavar="N", help="how many to show (default: 10)")
    parser.add_argument("--text-column", metavar="NAME", help="default: as the run was trained with")
    parser.add_argument("--pair-column", metavar="NAME", help="of the second text, where rows are pairs")
    parser.add_argument("--label-column", metavar="NAME", help="default: as the run was trained with")
    parser.add_argument("--device", default="auto", help="auto (default: a GPU if there is one), cpu, cuda, cuda:1")
    parser.add_argument(
        "--allow", action="append", default=[], metavar="PACKAGE", help="run code of this package, if the run names it"
    )
    return parser


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a whole number, at least 0")
    return int(text)


def _tested_as(weights: Path) -> RunDirectory:
    """The run whose test these weights made.

    Raises:
        UserError: they made none.
    """
    run = RunDirectory(weights.absolute().parent.parent)
    summary = run.read_summary()
    tested = summary and summary.best_checkpoint and run.path / summary.best_checkpoint
    if not tested or not tested.exists() or not tested.samefile(weights):
        raise UserError(f"{weights} is not what a run was tested with: name labelled data.")
    return run


def _evaluate(options: argparse.Namespace) -> None:
    from sweepformer import load  # torch loads here, so that --help need not wait for it
    from sweepformer.analysis.evaluation.evaluation import check_can_be_measured, evaluate
    from sweepformer.analysis.evaluation.files import as_json, write_folder
    from sweepformer.analysis.evaluation.labelled import answer_labelled, answered_before
    from sweepformer.analysis.evaluation.text import as_text
    from sweepformer.models.attention import use_fast_float32

    use_fast_float32()
    run = load(options.run, device=options.device, allowed_packages=options.allow)
    if run.chosen:
        print(f"{run.chosen}: {run.path}", file=sys.stderr)
    check_can_be_measured(run)
    if options.input is None:
        labelled = answered_before(run, _tested_as(run.path).predictions)
    else:
        labelled = answer_labelled(run, options.input, options.text_column, options.pair_column, options.label_column)
    evaluation = evaluate(run, labelled, options.mistakes)
    data = str(options.input) if options.input else "the run's test split"
    about = {"run": str(run.path), "data": data, "temperature": run.temperature}
    print(as_json(evaluation, about) if options.json else as_text(evaluation))
    if options.output:
        write_folder(evaluation, about, options.output)
        print(f"written: {options.output}", file=sys.stderr)
