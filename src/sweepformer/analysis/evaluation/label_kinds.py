"""What labels of each kind and the answers to them come to, row by row."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from sweepformer.analysis.evaluation.calibration import before_scaling
from sweepformer.config.kinds import LabelKind
from sweepformer.inference.predictor import Predictor

# Probabilities are kept in single precision: between the largest below 1 and 1 itself it knows nothing.
NEAREST_TO_1 = 1 - 2.0**-25


class Judging(ABC):
    """Labels and answers of one kind; `JUDGINGS` has the class of each that has labels."""

    @staticmethod
    def members(label: Any) -> set[str]:
        """The names in a row's label."""
        return set(label)

    @staticmethod
    @abstractmethod
    def numbers(values: Sequence[Any], names: Sequence[str]) -> np.ndarray:
        """Labels or answers as scikit-learn takes them. names: of all of them, whose places are numbers."""

    @staticmethod
    @abstractmethod
    def wrongness(label: Any, prediction: Any) -> float:
        """How far a row's answer is from its label; 0: it is right."""

    @staticmethod
    def losses(
        run: Predictor, true: np.ndarray, given: np.ndarray, probabilities: np.ndarray | None
    ) -> np.ndarray | None:
        """(rows,) float64, the rows' losses; NaN where the run doesn't know the class. None: answers don't tell them.

        Args:
            true, given: labels and answers as `numbers` makes them; names that the run doesn't know come last.
            probabilities: (rows, classes) float, the run's; None: they weren't kept.
        """
        return None


class ClassJudging(Judging):
    """One class a row; the loss is the cross-entropy of logits before the temperature."""

    @staticmethod
    def members(label: Any) -> set[str]:
        return {label}

    @staticmethod
    def numbers(values: Sequence[Any], names: Sequence[str]) -> np.ndarray:
        """(rows,) int64."""
        places = {name: place for place, name in enumerate(names)}
        return np.array([places[value] for value in values])

    @staticmethod
    def wrongness(label: Any, prediction: Any) -> float:
        return float(label != prediction)

    @staticmethod
    def losses(
        run: Predictor, true: np.ndarray, given: np.ndarray, probabilities: np.ndarray | None
    ) -> np.ndarray | None:
        if probabilities is None:
            return None
        rows = np.flatnonzero(true < probabilities.shape[1])
        found = np.full(len(true), np.nan)
        unscaled = before_scaling(probabilities, run.temperature)
        found[rows] = -np.log(np.maximum(unscaled[rows, true[rows]], 1e-300))
        return found


class SetJudging(Judging):
    """Any number of classes a row; the loss is the mean of their binary cross-entropies."""

    @staticmethod
    def numbers(values: Sequence[Any], names: Sequence[str]) -> np.ndarray:
        """(rows, names) bool."""
        places = {name: place for place, name in enumerate(names)}
        table = np.zeros((len(values), len(names)), dtype=bool)
        for row, members in enumerate(values):
            table[row, [places[one] for one in members]] = True
        return table

    @staticmethod
    def wrongness(label: Any, prediction: Any) -> float:
        return len(set(label) ^ set(prediction))

    @staticmethod
    def losses(
        run: Predictor, true: np.ndarray, given: np.ndarray, probabilities: np.ndarray | None
    ) -> np.ndarray | None:
        if probabilities is None:
            return None
        shares = probabilities.astype(np.float64).clip(1 - NEAREST_TO_1, NEAREST_TO_1)
        return -np.log(np.where(true[:, : shares.shape[1]], shares, 1 - shares)).mean(1)


class NumberJudging(Judging):
    """One number a row; the loss is the squared error in variances of the training rows."""

    @staticmethod
    def members(label: Any) -> set[str]:
        return set()

    @staticmethod
    def numbers(values: Sequence[Any], names: Sequence[str]) -> np.ndarray:
        """(rows,) float64."""
        return np.array(values, dtype=np.float64)

    @staticmethod
    def wrongness(label: Any, prediction: Any) -> float:
        return abs(label - prediction)

    @staticmethod
    def losses(
        run: Predictor, true: np.ndarray, given: np.ndarray, probabilities: np.ndarray | None
    ) -> np.ndarray | None:
        return ((true - given) / run.scale) ** 2


class TagJudging(Judging):
    """A tag a word."""

    @staticmethod
    def numbers(values: Sequence[Any], names: Sequence[str]) -> np.ndarray:
        """None: spans are measured, by `analysis.comparison`."""
        return np.zeros(0)

    @staticmethod
    def wrongness(label: Any, prediction: Any) -> float:
        return sum(one != other for one, other in zip(label, prediction, strict=True))


JUDGINGS: dict[LabelKind, type[Judging]] = {
    LabelKind.CLASS: ClassJudging,
    LabelKind.CLASSES: SetJudging,
    LabelKind.NUMBER: NumberJudging,
    LabelKind.TAGS: TagJudging,
}
