"""explain: what each word of a text adds to the answer of a finished run."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sweepformer.commands.finished_runs import add_usual, carry_out, loaded, parser_of, reading
from sweepformer.errors import UserError

if TYPE_CHECKING:
    from sweepformer.inference.predictor import Predictor

PAGES = (".html", ".htm")


class Asked(NamedTuple):
    """Texts that are explained. titles: what to call each; places: where each stands, for messages; written: as the
    run's `texts` writes them; notes: what was left out.
    """

    titles: list[str]
    places: list[str]
    written: list[str]
    notes: list[str]


def main() -> None:
    """The command line."""
    carry_out(parser(), _explain)


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    parser = parser_of(
        "explain",
        "What each word of a text adds to the answer of a finished run: the texts, coloured, with signed values; in "
        "the terminal, or as one HTML page.",
    )
    add = parser.add_argument
    add("input", nargs="?", help="a CSV, TSV, JSONL, Parquet or text file (.gz too), or - for standard input")
    add("--text", action="append", metavar="TEXT", help="instead of INPUT; may be given several times")
    add("--pair", action="append", metavar="TEXT", help="the second text of each, where rows are pairs")
    add("--output", type=Path, metavar="FILE", help="write an HTML page (default: to the screen)")
    add("--label", metavar="NAME", help="the class, label or tag to explain (default: the predicted)")
    add("--word", metavar="WORD", help="where words are tagged: the one to explain, or its place from 0")
    add("--rows", type=int, default=10, metavar="N", help="of INPUT, from its beginning (default: 10)")
    add_usual(parser, label="shown beside the answer, if it is there", form=True)
    return parser


def _explain(options: argparse.Namespace) -> None:
    _check(options)
    # torch loads here, so that --help need not wait for it
    from sweepformer.files.atomic import write_text
    from sweepformer.inference.explanation.page import as_page
    from sweepformer.inference.explanation.terminal import print_explanations
    from sweepformer.screen.progress_bar import tqdm

    # What is explained is computed in float32: the answer beside it should be the same one.
    run = loaded(options, precision="32-true")
    asked = _of_arguments(run, options) if options.text else _of_file(run, options)
    word = int(options.word) if options.word and options.word.isdecimal() else options.word
    found = run.explain_written(asked.written, asked.places, options.label, word)
    bar = tqdm(found, "explaining", len(asked.written), unit=" texts", delay=2, leave=False, disable=None)
    explained = list(zip(asked.titles, bar, strict=True))
    if options.output:
        page = as_page(explained, f"Answers of {options.run}, explained", run.what_is_read)
        write_text(options.output, page)
        print(f"{len(explained):,} texts explained: {options.output}", file=sys.stderr)
    else:
        print_explanations(explained, run.what_is_read)
    for note in asked.notes:
        print(note, file=sys.stderr)


def _check(options: argparse.Namespace) -> None:
    if bool(options.text) == bool(options.input):
        raise UserError('What is to be explained? Name a file (- for standard input), or give --text "..." instead.')
    if options.pair and len(options.pair) != len(options.text or []):
        raise UserError("--pair: give one for each --text, or name a file with both texts of each row.")
    if options.rows < 1:
        raise UserError(f"--rows {options.rows} must be at least 1.")
    if options.output and options.output.suffix.lower() not in PAGES:
        raise UserError(f"--output {options.output}: an HTML page is written: name it *{PAGES[0]}.")


def _of_arguments(run: "Predictor", options: argparse.Namespace) -> Asked:
    rows = list(zip(options.text, options.pair, strict=True)) if options.pair else options.text
    if run.texts.pairs and not options.pair:
        raise UserError("This run was trained on two texts a row: give the second with --pair.")
    if options.pair and not run.texts.pairs:
        raise UserError("--pair: this run was trained on one text a row: leave it out.")
    places = [f"--text {number}" for number in range(1, len(rows) + 1)]
    titles = [f"text {number}" for number in range(1, len(rows) + 1)]
    return Asked(titles, places, [run.texts.of(row, place) for row, place in zip(rows, places, strict=True)], [])


def _of_file(run: "Predictor", options: argparse.Namespace) -> Asked:
    from sweepformer.inference.file_columns import open_for, texts_of
    from sweepformer.inference.tables import KEY, Chunk

    path = Path(options.input)
    table, read = open_for(run, path, **reading(options))
    first = next(table.chunks(options.rows + 1, read.names, 0), None)  # one more tells whether there are more
    if first is None:
        raise UserError(f"{KEY}: {path} holds no row.")
    some = Chunk(first.records[: options.rows], first.places[: options.rows], None)
    written, present = texts_of(run, some, read, path)
    if not written:
        raise UserError(f"{KEY}: {path}: none of the first {len(some.records)} rows has a text.")
    notes = []
    if len(first.records) > options.rows:
        notes.append(f"there are more rows: these are of the first {options.rows} (--rows)")
    if missing := len(some.records) - len(written):
        notes.append(f"{missing:,} of them have no text")
    labels = [read.columns.label_of(some.records[number], "") if read.labelled else None for number in present]
    places = [some.places[number] for number in present]
    titles = [
        place if label in (None, "") else f"{place}, labelled {label}"
        for place, label in zip(places, labels, strict=True)
    ]
    return Asked(titles, [f"{KEY}: {path}, {place}" for place in places], written, notes)
