"""The loss of each row, as the test of a run has it: of plain logits, which probabilities stand for."""

import numpy as np

from sweepformer.evaluation.calibration import before_scaling
from sweepformer.inference.predictor import Predictor

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
