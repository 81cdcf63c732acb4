"""What runs said of the rows of their test splits, as sums from which their metrics follow."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow
import pyarrow.compute as pc

from sweepformer.analysis.comparison.predictions import NoAnswers, Predictions
from sweepformer.analysis.comparison.sums import SUMS, Answers, Matrix
from sweepformer.config.kinds import Kind

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


def split_of(predictions: Predictions) -> Split:
    """The test split that these predictions are of."""
    sums = SUMS[predictions.kind.labelled]
    known = pyarrow.array(predictions.classes, pyarrow.string())
    names = pc.unique(pyarrow.concat_arrays([known, sums.names(predictions.true)]))
    shared = sums.shared(predictions, names)
    return Split(predictions.kind, predictions.key, names, shared)


def answers_of(split: Split, predictions: Predictions, told: Callable[[str], float]) -> Answers:
    """A run's answers to a split.

    Args:
        told: metrics of this split that the run itself tells of, by name; NaN for those that it doesn't.

    Raises:
        NoAnswers: they are not those that the run tells of.
    """
    answers = SUMS[split.kind.labelled].answers(predictions, split.classes, told)
    ones = np.ones((split.rows, 1), np.float32)
    for name, (value,) in answers.measure(answers.quantities @ ones, split.shared @ ones).items():
        said = told(f"test_{name}")
        if not math.isnan(said) and abs(said - value) > TOLERANCE * max(1.0, abs(said)):
            raise NoAnswers(f"its predictions give test_{name} {value:.4f}, and its summary says {said:.4f}")
    return answers
