"""Whether probabilities are as large as the shares of rows that turn out right."""

from dataclasses import dataclass

import numpy as np

from sweepformer.inference.predictor import Predictor

BINS = 15  # as Guo et al. 2017


@dataclass(frozen=True)
class Calibration:
    """A reliability diagram: bins of equal width by confidence, the probability of the predicted class.

    confidence, accuracy: (bins,) float, means over the rows of each, NaN where there is none; rows: (bins,) int.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    rows: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error (Naeini et al. 2015): how far the two are apart, on average over rows."""
        apart = np.nan_to_num(np.abs(self.confidence - self.accuracy))
        return float((apart * self.rows).sum() / self.rows.sum())


def calibration_of(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> Calibration:
    """confidence: (rows,) float, at least one; right: (rows,) bool, whether the predicted class was the true one."""
    numbers = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # a bin has its upper edge
    rows = np.bincount(numbers, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(numbers, weights=values, minlength=bins) / rows for values in (confidence, right)]
    return Calibration(means[0], means[1], rows)


def before_scaling(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """The probabilities that logits stand for by themselves, from those after division by the temperature.

    (rows, classes) float to the same, float64.
    """
    raised = np.log(np.maximum(probabilities.astype(np.float64), 1e-300)) * temperature
    raised = np.exp(raised - raised.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


# Probabilities are kept in single precision: between the largest below 1 and 1 itself it knows nothing.
NEAREST_TO_1 = 1 - 2.0**-25


def losses_of(run: Predictor, true: np.ndarray, said: np.ndarray | None) -> np.ndarray | None:
    """(rows,) float64: cross-entropy of one class a row, of several the mean of their binary ones, of numbers the
    squared error in variances of the training rows; NaN of a row whose class the run doesn't know. None: what was said
    doesn't tell it.

    Args:
        true: (rows,) int, places of the classes, or (rows, classes) bool, or (rows,) float; of classes those that the
            run doesn't know come last.
        said: (rows, classes) float, the run's probabilities, or (rows,) float, its numbers; None: they weren't kept.
    """
    if said is None:
        return None
    match run.kind.labels:
        case "class":
            known = true < said.shape[1]
            rows = np.flatnonzero(known)
            found = np.full(len(true), np.nan)
            found[rows] = -np.log(np.maximum(before_scaling(said, run.temperature)[rows, true[rows]], 1e-300))
            return found
        case "classes":
            given = said.astype(np.float64).clip(1 - NEAREST_TO_1, NEAREST_TO_1)
            return -np.log(np.where(true[:, : said.shape[1]], given, 1 - given)).mean(1)
        case "number":
            return ((true - said) / run.scale) ** 2
    return None
