"""Labelled rows and what a run answers to them, as one table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

from sweepformer.data.texts import readable, split_words
from sweepformer.errors import UserError, listed
from sweepformer.inference.file_columns import Named, labels_of, open_for, texts_of
from sweepformer.inference.inputs import Way
from sweepformer.inference.predictor import Predictor
from sweepformer.inference.tables import KEY
from sweepformer.screen.progress_bar import tqdm
from sweepformer.tasks.answers import PROBABILITY

AT_ONCE = 8192  # rows


@dataclass(frozen=True)
class Labelled:
    """Answers beside labels.

    table: id, text (null where it isn't known), label, prediction; probabilities: (rows, classes) float32 in the order
    of the run's classes, None where there are none; unlabelled, without_text, cut: rows that were left out, left out,
    and not read whole.
    """

    table: pyarrow.Table
    probabilities: np.ndarray | None
    unlabelled: int = 0
    without_text: int = 0
    cut: int = 0


def answered_before(run: Predictor, predictions: Path) -> Labelled:
    """The test split of the run itself, as its `predictions.parquet` has it; texts aren't kept there.

    Raises:
        UserError: there is none.
    """
    try:
        table = pyarrow.parquet.read_table(predictions)
    except (OSError, pyarrow.ArrowException) as error:
        raise UserError(f"{predictions} can't be read ({str(error).splitlines()[0]}): name labelled data.") from error
    names = [f"{PROBABILITY}{name}" for name in run.classes]
    known = set(names) <= set(table.column_names)
    shares = np.stack([table[name].to_numpy() for name in names], axis=1) if names and known else None
    table = table.select(["id", "label", "prediction"])
    return Labelled(table.append_column("text", pyarrow.nulls(len(table), pyarrow.string())), shares)


def answer_labelled(run: Predictor, path: Path, named: Named | None = None, way: Way | None = None) -> Labelled:
    """Ask the run about the rows of a file that have a label.

    Raises:
        UserError: the file can't be read, lacks a column, or has no row with text and label.
    """
    table, read = open_for(run, path, named or Named(), way or Way())
    if not read.labelled:
        has = f"It has: {listed(table.columns)}. Name the right one with --label-column."
        raise UserError(f"{KEY}: {path} has no column of labels, which answers are compared with. {has}")
    counts = {"unlabelled": 0, "without_text": 0, "cut": 0}
    columns: dict[str, list[Any]] = {"id": [], "text": [], "label": [], "prediction": []}
    shares = []
    with tqdm(None, None, table.rows, unit=" rows", disable=None) as bar:
        for chunk in table.chunks(AT_ONCE, read.names, 0):
            bar.update(len(chunk.records))
            labels = labels_of(run, chunk, read, f"{KEY}: {path}")
            if run.kind.labelled.is_a_set:  # as in training, an empty cell is a row with none of them
                labels = [label or [] for label in labels]
            written, present = texts_of(run, chunk, read, path)
            if run.kind.labelled.is_of_words:
                for text, number in zip(written, present, strict=True):
                    tags, words = labels[number], len(split_words(text))
                    if tags is not None and len(tags) != words:
                        where = f"{KEY}: {path}, {chunk.places[number]}"
                        raise UserError(f"{where} has {words} words and {len(tags)} tags.")
            counts["without_text"] += len(labels) - len(present)
            asked = [place for place, number in enumerate(present) if labels[number] is not None]
            counts["unlabelled"] += len(present) - len(asked)
            answered = run.answer([written[place] for place in asked])
            counts["cut"] += int(answered.cut.sum())
            numbers = [present[place] for place in asked]
            columns["id"] += [chunk.places[number] for number in numbers]
            columns["text"] += readable(written[place] for place in asked)
            columns["label"] += [labels[number] for number in numbers]
            columns["prediction"] += list(answered.columns["prediction"])
            if asked and (names := [name for name in answered.columns if name.startswith(PROBABILITY)]):
                shares.append(np.stack([answered.columns[name] for name in names], axis=1))
    if not columns["id"]:
        raise UserError(f"{KEY}: {path} has no row with a text and a label ({counts['unlabelled']:,} without a label).")
    return Labelled(pyarrow.table(columns), np.concatenate(shares) if shares else None, **counts)
