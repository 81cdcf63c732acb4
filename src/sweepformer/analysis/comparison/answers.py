"""What runs said of the rows of their test splits, as sums from which their metrics follow.

A metric of a resampled test split depends on a few sums over its rows: how often each class was missed, of squared
errors, of right spans. What each row adds to them is kept, so that all resamples are one product of matrices.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute as pc
from scipy.sparse import csr_array, vstack

from sweepformer.analysis.comparison.predictions import NoAnswers, Predictions, mark_spans
from sweepformer.config.kinds import Kind, LabelKind

Matrix = Any  # scipy's sparse ones and numpy's are used alike
TOLERANCE = 2e-3  # between a metric in the summary and the same from the predictions, which are rounded


@dataclass(frozen=True)
class Split:
    """A test split that runs may share.

    key: which rows these are, and what is to be said of them; classes: names; shared: (quantities, rows) float32,
    what is true of the rows whoever answers.
    """

    kind: Kind
    key: pyarrow.Table
    classes: pyarrow.Array
    shared: Matrix

    @property
    def rows(self) -> int:
        return int(self.key.num_rows)

    def is_of(self, predictions: Predictions) -> bool:
        return self.kind == predictions.kind and bool(self.key.equals(predictions.key))

    def measured(self, answers: "ScoredAnswers") -> dict[str, float]:
        """Metrics of all rows, by name without `test_`."""
        ones = np.ones((self.rows, 1), np.float32)
        found = answers.measure(answers.quantities @ ones, self.shared @ ones)
        return {name: float(value) for name, (value,) in found.items()}


@dataclass(frozen=True)
class ScoredAnswers:
    """One run's.

    quantities: (quantities, rows) float32; measure: from sums of these and of the split's, (quantities, resamples)
    each, to metrics by name without `test_`, (resamples,) each; right: (rows,) bool, where `acc` is its mean.
    """

    quantities: Matrix
    measure: Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]
    right: np.ndarray | None = None


def split_of(predictions: Predictions) -> Split:
    """The test split that these predictions are of."""
    names = pyarrow.array([], pyarrow.string())
    if predictions.kind.labelled.has_names:
        known = pyarrow.array(predictions.classes, pyarrow.string())
        names = pc.unique(pyarrow.concat_arrays([known, predictions.names("label")]))
    true_of, _ = SUMS[predictions.kind.labelled]
    return Split(predictions.kind, predictions.key, names, true_of(predictions, names))


def answers_of(split: Split, predictions: Predictions, told: Callable[[str], float]) -> ScoredAnswers:
    """A run's answers to a split. told: its metrics by name as the run itself tells of them, NaN where it doesn't.

    Raises:
        NoAnswers: they are not those that the run tells of.
    """
    _, answers_to = SUMS[split.kind.labelled]
    answers = answers_to(split, predictions, told)
    for name, value in split.measured(answers).items():
        said = told(f"test_{name}")
        if not math.isnan(said) and abs(said - value) > TOLERANCE * max(1.0, abs(said)):
            raise NoAnswers(f"its predictions give test_{name} {value:.4f}, and its summary says {said:.4f}")
    return answers


def _true_sets(predictions: Predictions, classes: pyarrow.Array) -> Matrix:
    rows = predictions.table.num_rows
    return _stack(_counts(*_members(predictions.column("label"), classes), len(classes) + 1, rows), np.ones((1, rows)))


def _of_sets(split: Split, predictions: Predictions, told: Callable[[str], float]) -> ScoredAnswers:
    size = len(split.classes) + 1
    true, given = (
        _counts(*_members(predictions.column(name), split.classes), size, split.rows)
        for name in ("label", "prediction")
    )
    both = true.multiply(given)
    missed, false = true - both, given - both
    inexact = (missed + false).sum(0) > 0

    def measure(own: np.ndarray, shared: np.ndarray) -> dict[str, np.ndarray]:
        true, missed, false = shared[:size], own[:size], own[size : 2 * size]
        f1, _ = _f1(true, missed, false)
        right = (true - missed).sum(0)
        return {
            "f1": f1[:-1].mean(0),  # over all labels, 0 of those that don't occur: as it is logged
            "f1_micro": 2 * right / np.maximum(2 * right + missed.sum(0) + false.sum(0), 1),
            "acc": 1 - own[-1] / shared[-1],
        }

    return ScoredAnswers(_stack(missed, false, inexact[None]), measure, ~inexact)


def _true_names(predictions: Predictions, classes: pyarrow.Array) -> Matrix:
    rows = predictions.table.num_rows
    of_row, codes = _members(predictions.column("label"), classes)
    spans = mark_spans(codes, of_row, classes.to_pylist()) if predictions.kind.labelled.is_of_words else None
    begun = [] if spans is None else of_row[spans.begins]
    return _stack(_counts(of_row, codes, len(classes) + 1, rows), np.bincount(begun, minlength=rows)[None])


def _of_names(split: Split, predictions: Predictions, told: Callable[[str], float]) -> ScoredAnswers:
    """A class for each row, or tags for its words, which are drawn together."""
    of_row, true = _members(predictions.column("label"), split.classes)
    others, given = _members(predictions.column("prediction"), split.classes)
    if not np.array_equal(others, of_row):
        raise NoAnswers("some of its rows have not as many predictions as words")
    size, names, tagged = len(split.classes) + 1, split.classes.to_pylist(), split.kind.labelled.is_of_words
    wrong = np.flatnonzero(true != given)
    answered = wrong[given[wrong] < len(names)] if tagged else wrong  # a word that was cut off has no answer
    missed = _counts(of_row[wrong], true[wrong], size, split.rows)
    false = _counts(of_row[answered], given[answered], size, split.rows)
    marked, found = (mark_spans(codes, of_row, names) if tagged else None for codes in (true, given))
    spans = []  # right ones and predicted ones, (1, rows) each; nothing where tags mark none
    if marked is not None and found is not None:
        places = (of_row[found.shared_with(marked)], of_row[found.begins])
        spans = [np.bincount(one, minlength=split.rows)[None] for one in places]

    def measure(own: np.ndarray, shared: np.ndarray) -> dict[str, np.ndarray]:
        true, missed, false = shared[:size], own[:size], own[size : 2 * size]
        f1, occurs = _f1(true, missed, false)
        of_names = (f1 * occurs).sum(0) / np.maximum(occurs.sum(0), 1)
        of_spans = 2 * own[-2] / np.maximum(own[-1] + shared[-1], 1)
        return {"acc": 1 - missed.sum(0) / true.sum(0), "f1": of_spans if spans else of_names}

    return ScoredAnswers(_stack(missed, false, *spans), measure, None if tagged else true == given)


def _true_numbers(predictions: Predictions, classes: pyarrow.Array) -> Matrix:
    numbers = _standard(predictions.column("label").to_numpy())
    return np.stack([numbers, numbers**2]).astype(np.float32)


def _of_numbers(split: Split, predictions: Predictions, told: Callable[[str], float]) -> ScoredAnswers:
    label, given = (predictions.column(name).to_numpy() for name in ("label", "prediction"))
    error, scaled = np.abs(given - label), _standard(given)
    squared = float((error**2).mean())
    # `test_loss` is in variances of the training rows. They aren't told, but follow from it.
    unit = told("test_loss") / squared if squared else 0.0
    of_row = [error, error**2, scaled, scaled**2, scaled * _standard(label)]

    def measure(own: np.ndarray, shared: np.ndarray) -> dict[str, np.ndarray]:
        (mae, loss, mine, mine_squared, product), (theirs, theirs_squared) = own / split.rows, shared / split.rows
        size = (mine_squared - mine**2) * (theirs_squared - theirs**2)
        pearson = np.where(size > 0, (product - mine * theirs) / np.sqrt(np.maximum(size, 1e-12)), 0.0)
        return {"mae": mae, "loss": unit * loss, "pearson": pearson}

    return ScoredAnswers(np.stack(of_row).astype(np.float32), measure)


def _true_tokens(predictions: Predictions, classes: pyarrow.Array) -> Matrix:
    return predictions.column("tokens").to_numpy()[None].astype(np.float32)


def _of_losses(split: Split, predictions: Predictions, told: Callable[[str], float]) -> ScoredAnswers:
    tokens = predictions.column("tokens").to_numpy()
    losses = np.where(tokens > 0, predictions.column("loss").to_numpy(), 0.0)

    def measure(own: np.ndarray, shared: np.ndarray) -> dict[str, np.ndarray]:
        loss = own[0] / np.maximum(shared[0], 1)
        return {"loss": loss, "perplexity": np.exp(loss)}

    return ScoredAnswers((losses * tokens)[None].astype(np.float32), measure)


# Of each kind of label what is true of the rows, and what a run says of them.
SUMS = {
    LabelKind.CLASS: (_true_names, _of_names),
    LabelKind.CLASSES: (_true_sets, _of_sets),
    LabelKind.TAGS: (_true_names, _of_names),
    LabelKind.NUMBER: (_true_numbers, _of_numbers),
    LabelKind.NOTHING: (_true_tokens, _of_losses),
}


def _f1(true: np.ndarray, missed: np.ndarray, false: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F1 of each class, and whether it occurs at all: is true of a row, or predicted."""
    right = true - missed
    total = 2 * right + missed + false
    return 2 * right / np.maximum(total, 1), total > 0


def _members(column: pyarrow.Array, classes: pyarrow.Array) -> tuple[np.ndarray, np.ndarray]:
    """Of all names in a column the rows that they stand in, and their places among the classes.

    A row has one, or a list of them. What is none of the classes has one place more than the last.
    """
    of_row = np.arange(len(column))
    if pyarrow.types.is_nested(column.type):
        of_row, column = pc.list_parent_indices(column).to_numpy(zero_copy_only=False), pc.list_flatten(column)
    found = pc.index_in(column.cast(pyarrow.string()), value_set=classes)
    return of_row, found.fill_null(len(classes)).to_numpy(zero_copy_only=False)


def _counts(rows: np.ndarray, codes: np.ndarray, size: int, of: int) -> csr_array:
    """(size, of) float32, how often each code stands in each row."""
    return csr_array((np.ones(len(rows), np.float32), (codes, rows)), shape=(size, of))


def _stack(*parts: Matrix) -> csr_array:
    return csr_array(vstack([csr_array(part, dtype=np.float32) for part in parts], format="csr"))


def _standard(numbers: np.ndarray) -> np.ndarray:
    """Near 0 and of size 1, so that sums of squares in single precision tell them apart."""
    spread = numbers.std()
    return (numbers - numbers.mean()) / (spread or 1.0)
