"""Sums over the rows of a test split from which the metrics of each kind of label follow.

A metric of a resampled test split depends on a few sums over its rows: how often each class was missed, of squared
errors, of right spans. What each row adds to them is kept, so that all resamples are one product of matrices.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute as pc
from scipy.sparse import csr_array, vstack

from sweepformer.analysis.comparison.predictions import NoAnswers, Predictions, Spans, mark_spans
from sweepformer.config.kinds import LabelKind

Matrix = Any  # scipy's sparse ones and numpy's are used alike


@dataclass(frozen=True)
class Answers:
    """One run's.

    quantities: (quantities, rows) float32; measure: from sums of these and of the split's, (quantities, resamples)
    each, to metrics by name without `test_`, (resamples,) each; right: (rows,) bool, where `acc` is its mean.
    """

    quantities: Matrix
    measure: Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]
    right: np.ndarray | None = None


class Sums(ABC):
    """What is summed up of one kind of label; `SUMS` has the class of each."""

    @staticmethod
    def names(column: pyarrow.Array) -> pyarrow.Array:
        """All names in a column of labels or predictions, one after the other; none where these aren't names."""
        return pyarrow.array([], pyarrow.string())

    @staticmethod
    @abstractmethod
    def shared(predictions: Predictions, classes: pyarrow.Array) -> Matrix:
        """(quantities, rows) float32, what is true of the rows whoever answers. classes: all names that there are."""

    @staticmethod
    @abstractmethod
    def answers(predictions: Predictions, classes: pyarrow.Array, told: Callable[[str], float]) -> Answers:
        """What a run says of the rows. told: metrics that it tells of, by name with `test_`; NaN for others.

        Raises:
            NoAnswers: they can't be those of the rows.
        """


class ClassSums(Sums):
    """One class a row."""

    @staticmethod
    def names(column: pyarrow.Array) -> pyarrow.Array:
        return column.cast(pyarrow.string())

    @staticmethod
    def shared(predictions: Predictions, classes: pyarrow.Array) -> Matrix:
        codes = _codes(predictions.column("label"), classes)
        return _counts(np.arange(len(codes)), codes, len(classes) + 1, len(codes))

    @staticmethod
    def answers(predictions: Predictions, classes: pyarrow.Array, told: Callable[[str], float]) -> Answers:
        true, given = (_codes(predictions.column(name), classes) for name in ("label", "prediction"))
        wrong = np.flatnonzero(true != given)
        size = len(classes) + 1
        missed, false = (_counts(wrong, codes[wrong], size, predictions.rows) for codes in (true, given))

        def measure(own: np.ndarray, shared: np.ndarray) -> dict[str, np.ndarray]:
            f1, occurs = _f1(shared, own[:size], own[size:])
            return {"acc": 1 - own[:size].sum(0) / shared.sum(0), "f1": (f1 * occurs).sum(0) / occurs.sum(0)}

        return Answers(_stack(missed, false), measure, true == given)


class SetSums(Sums):
    """Any number of classes a row."""

    @staticmethod
    def names(column: pyarrow.Array) -> pyarrow.Array:
        return pc.list_flatten(column).cast(pyarrow.string())

    @staticmethod
    def shared(predictions: Predictions, classes: pyarrow.Array) -> Matrix:
        rows = predictions.rows
        members = _members(predictions.column("label"), classes)
        return _stack(_counts(*members, len(classes) + 1, rows), np.ones((1, rows)))

    @staticmethod
    def answers(predictions: Predictions, classes: pyarrow.Array, told: Callable[[str], float]) -> Answers:
        size = len(classes) + 1
        true, given = (
            _counts(*_members(predictions.column(name), classes), size, predictions.rows)
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

        return Answers(_stack(missed, false, inexact[None]), measure, ~inexact)


class TagSums(Sums):
    """A tag a word. Rows are sentences: the words of one are drawn together."""

    @staticmethod
    def names(column: pyarrow.Array) -> pyarrow.Array:
        return pc.list_flatten(column).cast(pyarrow.string())

    @staticmethod
    def shared(predictions: Predictions, classes: pyarrow.Array) -> Matrix:
        rows = predictions.rows
        of_row, tags = _members(predictions.column("label"), classes)
        spans = mark_spans(tags, of_row, classes.to_pylist())
        begun = [] if spans is None else of_row[spans.begins]
        return _stack(_counts(of_row, tags, len(classes) + 1, rows), np.bincount(begun, minlength=rows)[None])

    @staticmethod
    def answers(predictions: Predictions, classes: pyarrow.Array, told: Callable[[str], float]) -> Answers:
        of_row, true = _members(predictions.column("label"), classes)
        others, given = _members(predictions.column("prediction"), classes)
        if not np.array_equal(others, of_row):
            raise NoAnswers("some of its rows have not as many predictions as words")
        size, names, rows = len(classes) + 1, classes.to_pylist(), predictions.rows
        wrong = np.flatnonzero(true != given)
        answered = wrong[given[wrong] < len(names)]  # a word that was cut off has no answer
        missed = _counts(of_row[wrong], true[wrong], size, rows)
        false = _counts(of_row[answered], given[answered], size, rows)
        begun, found = (mark_spans(tags, of_row, names) for tags in (true, given))
        spans = _right_and_found(begun, found, of_row, rows)

        def measure(own: np.ndarray, shared: np.ndarray) -> dict[str, np.ndarray]:
            words, missed, false = shared[:size], own[:size], own[size : 2 * size]
            f1, occurs = _f1(words, missed, false)
            of_tags = (f1 * occurs).sum(0) / np.maximum(occurs.sum(0), 1)
            of_spans = 2 * own[-2] / np.maximum(own[-1] + shared[-1], 1)
            return {"acc": 1 - missed.sum(0) / words.sum(0), "f1": of_spans if spans else of_tags}

        return Answers(_stack(missed, false, *spans), measure)


class NumberSums(Sums):
    """One number a row."""

    @staticmethod
    def shared(predictions: Predictions, classes: pyarrow.Array) -> Matrix:
        numbers = _standard(predictions.column("label").to_numpy())
        return np.stack([numbers, numbers**2]).astype(np.float32)

    @staticmethod
    def answers(predictions: Predictions, classes: pyarrow.Array, told: Callable[[str], float]) -> Answers:
        label, given = (predictions.column(name).to_numpy() for name in ("label", "prediction"))
        error, scaled, rows = np.abs(given - label), _standard(given), predictions.rows
        squared = float((error**2).mean())
        # `test_loss` is in variances of the training rows. They aren't told, but follow from it.
        unit = told("test_loss") / squared if squared else 0.0
        of_row = [error, error**2, scaled, scaled**2, scaled * _standard(label)]

        def measure(own: np.ndarray, shared: np.ndarray) -> dict[str, np.ndarray]:
            (mae, loss, mine, mine_squared, product), (theirs, theirs_squared) = own / rows, shared / rows
            size = (mine_squared - mine**2) * (theirs_squared - theirs**2)
            pearson = np.where(size > 0, (product - mine * theirs) / np.sqrt(np.maximum(size, 1e-12)), 0.0)
            return {"mae": mae, "loss": unit * loss, "pearson": pearson}

        return Answers(np.stack(of_row).astype(np.float32), measure)


class LossSums(Sums):
    """No label: a loss and how many tokens it is the mean of."""

    @staticmethod
    def shared(predictions: Predictions, classes: pyarrow.Array) -> Matrix:
        return predictions.column("tokens").to_numpy()[None].astype(np.float32)

    @staticmethod
    def answers(predictions: Predictions, classes: pyarrow.Array, told: Callable[[str], float]) -> Answers:
        tokens = predictions.column("tokens").to_numpy()
        losses = np.where(tokens > 0, predictions.column("loss").to_numpy(), 0.0)

        def measure(own: np.ndarray, shared: np.ndarray) -> dict[str, np.ndarray]:
            loss = own[0] / np.maximum(shared[0], 1)
            return {"loss": loss, "perplexity": np.exp(loss)}

        return Answers((losses * tokens)[None].astype(np.float32), measure)


SUMS: dict[LabelKind, type[Sums]] = {
    LabelKind.CLASS: ClassSums,
    LabelKind.CLASSES: SetSums,
    LabelKind.NUMBER: NumberSums,
    LabelKind.TAGS: TagSums,
    LabelKind.NOTHING: LossSums,
}


def _right_and_found(true: Spans | None, given: Spans | None, of_row: np.ndarray, rows: int) -> list[np.ndarray]:
    """Right spans and predicted ones, (1, rows) each; nothing where tags mark none."""
    if true is None or given is None:
        return []
    places = (of_row[given.shared_with(true)], of_row[given.begins])
    return [np.bincount(one, minlength=rows)[None] for one in places]


def _f1(true: np.ndarray, missed: np.ndarray, false: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F1 of each class, and whether it occurs at all: is true of a row, or predicted."""
    right = true - missed
    total = 2 * right + missed + false
    return 2 * right / np.maximum(total, 1), total > 0


def _codes(names: pyarrow.Array, classes: pyarrow.Array) -> np.ndarray:
    """Each name's place among the classes; one more than the last for what is none of them."""
    found = pc.index_in(names.cast(pyarrow.string()), value_set=classes)
    return found.fill_null(len(classes)).to_numpy(zero_copy_only=False)


def _members(lists: pyarrow.Array, classes: pyarrow.Array) -> tuple[np.ndarray, np.ndarray]:
    """Of all members of all lists the rows that they stand in, and their places among the classes."""
    return pc.list_parent_indices(lists).to_numpy(zero_copy_only=False), _codes(pc.list_flatten(lists), classes)


def _counts(rows: np.ndarray, codes: np.ndarray, size: int, of: int) -> csr_array:
    """(size, of) float32, how often each code stands in each row."""
    return csr_array((np.ones(len(rows), np.float32), (codes, rows)), shape=(size, of))


def _stack(*parts: Matrix) -> csr_array:
    return csr_array(vstack([csr_array(part, dtype=np.float32) for part in parts], format="csr"))


def _standard(numbers: np.ndarray) -> np.ndarray:
    """Near 0 and of size 1, so that sums of squares in single precision tell them apart."""
    spread = numbers.std()
    return (numbers - numbers.mean()) / (spread or 1.0)
