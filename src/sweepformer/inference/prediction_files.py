"""Answers for every row of a file, in the same file with more columns."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweepformer.data.reading.opening import STANDARD_INPUT
from sweepformer.errors import UserError
from sweepformer.inference.correctness import TALLIES, Tally
from sweepformer.inference.file_columns import AddedColumns, Named, ReadColumns, labels_of, open_for, texts_of
from sweepformer.inference.inputs import Way
from sweepformer.inference.predictor import Predictor
from sweepformer.inference.tables import KEY, Chunk, Table, Writer, ending_of, plain_column, writer_of
from sweepformer.inference.unfinished import FileProgress, Unfinished, UnfinishedParquet, UnfinishedText
from sweepformer.screen.progress_bar import tqdm


@dataclass(frozen=True)
class Options:
    """How a file is read and written.

    named: columns; labels are looked at if they are there. way: how the file is read where that isn't seen from it.
    probabilities: write those of all classes.
    prefix: of the added columns' names. chunk_rows: at a time in memory. resume: go on where a command was stopped.
    overwrite: begin anew whatever is there. progress: show a bar on stderr.
    """

    named: Named = field(default_factory=Named)
    way: Way = field(default_factory=Way)
    probabilities: bool = True
    prefix: str = ""
    chunk_rows: int = 8192
    resume: bool = False
    overwrite: bool = False
    progress: bool = False

    def __post_init__(self) -> None:
        if self.chunk_rows < 1:
            raise UserError(f"chunk_rows={self.chunk_rows} must be at least 1.")


@dataclass
class Report:
    """What became of a file. tally: how often labels were met; rows: of the file; cut: too long to be read whole;
    without_text: left without an answer; was_whole: it had been written before, and there was nothing to do.
    """

    tally: Tally
    rows: int = 0
    cut: int = 0
    without_text: int = 0
    was_whole: bool = False

    @property
    def counts(self) -> dict[str, float]:
        """What another report can go on from."""
        return {"cut": self.cut, "without_text": self.without_text, **self.tally.counts}

    def go_on_from(self, progress: FileProgress) -> None:
        """progress: with the `counts` of the report on the rows before."""
        self.rows, counts = progress.rows, progress.counts
        self.cut, self.without_text = (int(counts.get(name, 0)) for name in ("cut", "without_text"))
        self.tally.asked, self.tally.right = (counts.get(name, 0.0) for name in ("asked", "right"))
        self.tally.known = counts.get("known", self.tally.asked)


@dataclass(frozen=True)
class Work:
    """What is to be done: who answers for which columns of which table."""

    run: Predictor
    path: Path
    table: Table
    read: ReadColumns
    added: AddedColumns
    options: Options

    def to(self, output: "_Screen | Unfinished", report: Report) -> None:
        """Do it, from the row on that the report says."""
        hidden = None if self.options.progress else True  # None: unless there is a terminal
        with tqdm(None, None, self.table.rows, initial=report.rows, unit=" rows", disable=hidden) as bar:
            for chunk in self.table.chunks(self.options.chunk_rows, self.read.names, report.rows):
                added = self._answers(chunk, report)
                output.write(chunk, added, report.counts)
                bar.update(len(chunk.records))
        if not report.rows:
            raise UserError(f"{KEY}: {self.path} holds no row.")

    def writer(self, ending: str | None) -> Writer | None:
        """Who writes the rows to a file of this ending, or to the screen; None: as Parquet."""
        is_a_set = self.run.kind.labelled.is_a_set
        return writer_of(self.table, ending, self.read.columns.label_separator if is_a_set else None)

    def _answers(self, chunk: Chunk, report: Report) -> dict[str, Any]:
        written, present = texts_of(self.run, chunk, self.read, self.path)
        answered, rows = self.run.answer(written, first=report.rows), len(chunk.records)
        added = self.added.values(answered.columns, written, present, rows)
        if self.read.labelled:
            labels = labels_of(self.run, chunk, self.read, f"{KEY}: {self.path}")
            names = frozenset(self.run.classes)
            report.tally.add(plain_column(added[f"{self.options.prefix}prediction"]), labels, names)
        report.rows += rows
        report.cut += int(answered.cut.sum())
        report.without_text += rows - len(written)
        return added


def predict_file(run: Predictor, path: Path, output: Path | None, options: Options) -> Report:
    """Answer for every row of a file; a UserError if it can't be read, lacks a column, or `output` is there already.

    path: the file, or `STANDARD_INPUT`; output: where to, once it is whole; None: to standard output, as it comes.
    """
    table, read = open_for(run, path, options.named, options.way)
    added = AddedColumns(run, options.probabilities, options.prefix)
    added.check(table.columns, path)
    report = Report(TALLIES[run.kind.labelled]())
    work = Work(run, path, table, read, added, options)
    if output is None:
        work.to(_Screen(work.writer(None), added.names), report)
        return report
    unfinished = _unfinished(work, output)
    with unfinished.held() as is_unfinished:
        report.go_on_from(unfinished.progress)
        report.was_whole = not is_unfinished
        if is_unfinished:
            try:
                work.to(unfinished, report)
            except UserError:
                if not unfinished.progress.rows:  # nothing is lost by it
                    unfinished.remove()
                raise
            unfinished.finish()
        else:
            _refuse_older(output, work)
    return report


class _Screen:
    """Rows go to standard output, a chunk at a time; written to as `Unfinished` is."""

    def __init__(self, writer: Writer | None, names: list[str]) -> None:
        if writer is None:
            raise UserError("Parquet can't be written to the screen: name a file with --output.")
        self._writer, self._head = writer, writer.head(names)

    def write(self, chunk: Chunk, added: dict[str, Any], counts: dict[str, float]) -> None:
        columns = {name: plain_column(values) for name, values in added.items()}
        sys.stdout.write(self._head + self._writer.written(chunk.source, columns))
        sys.stdout.flush()
        self._head = ""


def _unfinished(work: Work, output: Path) -> Unfinished:
    allowed = work.table.endings
    if ending_of(output) not in allowed:
        others = f" (or *{', *'.join(allowed[1:])})" if allowed[1:] else ""
        raise UserError(
            f"--output {output}: rows of {work.path} can't be written in this form: name it *{allowed[0]}{others}."
        )
    if output.exists() and work.path != STANDARD_INPUT and output.samefile(work.path):
        raise UserError(f"--output {output} is the input itself: name another file.")
    of = {
        "input": _about(work.path),
        "run": _about(work.run.path),
        "columns": work.read.about,
        "added": work.added.names,
        "chunk_rows": work.options.chunk_rows,
    }
    ways = {"resume": work.options.resume, "overwrite": work.options.overwrite}
    if writer := work.writer(ending_of(output)):
        return UnfinishedText(output, writer, work.added.names, of, **ways)
    return UnfinishedParquet(output, work.added.arrow_types(), of, **ways)


def _refuse_older(output: Path, work: Work) -> None:
    """Raises a UserError if a file that is whole was made before what it would be made of now."""
    sources = [path for path in (work.path, work.run.path) if path != STANDARD_INPUT]
    if newer := [path for path in sources if path.stat().st_mtime_ns > output.stat().st_mtime_ns]:
        raise UserError(f"{output} is whole, and older than {newer[0]}: give --overwrite to write it anew.")


def _about(path: Path) -> dict[str, Any]:
    """What tells that a file is still the same; of standard input nothing does."""
    if path == STANDARD_INPUT:
        return {"path": "-"}
    about = path.stat()
    return {"path": str(path.absolute()), "size": about.st_size, "changed": about.st_mtime_ns}
