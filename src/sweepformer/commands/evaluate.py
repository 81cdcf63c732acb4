"""evaluate: how good a finished run is on labelled rows."""

import argparse
import sys
from pathlib import Path

from sweepformer.commands.finished_runs import add_usual, carry_out, loaded, parser_of, reading, whole
from sweepformer.errors import UserError
from sweepformer.runs.directory import RunDirectory


def main() -> None:
    """The command line."""
    carry_out(parser(), _evaluate)


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    parser = parser_of(
        "evaluate",
        "How good a finished run is on labelled rows: metrics with 95 % intervals, each class, what is taken for what, "
        "whether probabilities can be believed, and the worst mistakes.",
        usage="RUN [INPUT] [options]",
    )
    parser.add_argument(
        "input",
        nargs="?",
        type=Path,
        metavar="INPUT",
        help="a file or folder with labels, of any form that can be trained on (default: the run's test split)",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="also write evaluation.json, mistakes.csv, pictures")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--mistakes", type=whole(0), default=10, metavar="N", help="how many to show (default: 10)")
    add_usual(parser, label="default: as the run was trained with")
    return parser


def _tested_as(weights: Path) -> RunDirectory:
    """The run whose test these weights made; a UserError if they made none."""
    run = RunDirectory(weights.absolute().parent.parent)
    summary = run.read_summary()
    tested = summary and summary.best_checkpoint and run.path / summary.best_checkpoint
    if not tested or not tested.exists() or not tested.samefile(weights):
        raise UserError(f"{weights} is not what a run was tested with: name labelled data.")
    return run


def _evaluate(options: argparse.Namespace) -> None:
    # numpy and more load here, so that --help need not wait for them
    from sweepformer.analysis.evaluation.evaluation import check_can_be_measured, evaluate
    from sweepformer.analysis.evaluation.labelled import answer_labelled, answered_before
    from sweepformer.analysis.evaluation.report import as_json, as_text, write_folder

    run = loaded(options)
    check_can_be_measured(run)
    if options.input is None:
        labelled = answered_before(run, _tested_as(run.path).predictions)
    else:
        labelled = answer_labelled(run, options.input, **reading(options))
    evaluation = evaluate(run, labelled, options.mistakes)
    data = str(options.input) if options.input else "the run's test split"
    about = {"run": str(run.path), "data": data, "temperature": run.temperature}
    print(as_json(evaluation, about) if options.json else as_text(evaluation))
    if options.output:
        write_folder(evaluation, about, options.output)
        print(f"written: {options.output}", file=sys.stderr)
