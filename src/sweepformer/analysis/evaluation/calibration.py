"""Whether probabilities are as large as the shares of rows that turn out right."""

from dataclasses import dataclass

import numpy as np

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
