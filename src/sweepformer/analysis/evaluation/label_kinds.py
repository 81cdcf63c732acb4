"""What labels of each kind and the answers to them come to, row by row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweepformer.config.kinds import LabelKind
from sweepformer.inference.predictor import Predictor

# Probabilities are kept in single precision: between the largest below 1 and 1 itself it knows nothing.
NEAREST_TO_1 = 1 - 2.0**-25


@dataclass(frozen=True)
class Judging:
    """One kind of label; `JUDGINGS` has that of each kind that has labels.

    numbers: labels or answers, and the names of all, to what scikit-learn takes: (rows,) int64, (rows, names) bool or
    (rows,) float64; wrongness: of an answer to a label, 0: it is right; members: the names in a label.
    losses: of a run, the `numbers` of labels and of answers, names that the run doesn't know the last, and its
    probabilities, (rows, classes) float or None, to (rows,) float64, NaN where the run doesn't know the class; None:
    what was said doesn't tell it.
    """

    numbers: Callable[[Sequence[Any], Sequence[str]], np.ndarray]
    wrongness: Callable[[Any, Any], float]
    members: Callable[[Any], set[str]] = set
    losses: Callable[[Predictor, np.ndarray, np.ndarray, np.ndarray | None], np.ndarray | None] | None = None


def _places(values: Sequence[Any], names: Sequence[str]) -> np.ndarray:
    places = {name: place for place, name in enumerate(names)}
    return np.array([places[value] for value in values])


def _table(values: Sequence[Any], names: Sequence[str]) -> np.ndarray:
    places = {name: place for place, name in enumerate(names)}
    table = np.zeros((len(values), len(names)), dtype=bool)
    for row, members in enumerate(values):
        table[row, [places[one] for one in members]] = True
    return table


def _cross_entropy(run: Predictor, true: np.ndarray, given: np.ndarray, shares: np.ndarray | None) -> np.ndarray | None:
    """Of logits before the temperature."""
    if shares is None:
        return None
    rows = np.flatnonzero(true < shares.shape[1])
    found = np.full(len(true), np.nan)
    found[rows] = -np.log(np.maximum(before_scaling(shares, run.temperature)[rows, true[rows]], 1e-300))
    return found


def _binary(run: Predictor, true: np.ndarray, given: np.ndarray, shares: np.ndarray | None) -> np.ndarray | None:
    """The mean of the classes' binary cross-entropies."""
    if shares is None:
        return None
    shares = shares.astype(np.float64).clip(1 - NEAREST_TO_1, NEAREST_TO_1)
    return -np.log(np.where(true[:, : shares.shape[1]], shares, 1 - shares)).mean(1)


def before_scaling(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """The probabilities that logits stand for by themselves, from those after division by the temperature.

    (rows, classes) float to the same, float64.
    """
    raised = np.log(np.maximum(probabilities.astype(np.float64), 1e-300)) * temperature
    raised = np.exp(raised - raised.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


JUDGINGS = {
    LabelKind.CLASS: Judging(
        numbers=_places,
        wrongness=lambda label, answer: float(label != answer),
        members=lambda label: {label},
        losses=_cross_entropy,
    ),
    LabelKind.CLASSES: Judging(
        numbers=_table, wrongness=lambda label, answer: len(set(label) ^ set(answer)), losses=_binary
    ),
    LabelKind.NUMBER: Judging(
        numbers=lambda values, names: np.array(values, dtype=np.float64),
        wrongness=lambda label, answer: abs(label - answer),
        members=lambda label: set(),
        losses=lambda run, true, given, shares: ((true - given) / run.scale) ** 2,  # in variances of training rows
    ),
    LabelKind.TAGS: Judging(
        numbers=lambda values, names: np.zeros(0),  # `analysis.comparison` alone measures them
        wrongness=lambda label, answer: sum(one != other for one, other in zip(label, answer, strict=True)),
    ),
}
