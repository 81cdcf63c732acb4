"""From which probability on a label is given to a row."""

import numpy as np

UNDECIDED = 0.5


def best_thresholds(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The threshold of each label that gives it the highest F1 on these rows.

    Each label has one of its own, fitted on held-out rows (Yang 2001, "A Study on Thresholding Strategies for Text
    Categorization", SCut). It stands halfway between two rows' probabilities. The best is about half the F1 reached
    (Lipton et al. 2014, "Optimal Thresholding of Classifiers to Maximize F1 Measure"): low for what is hard to tell.

    Args:
        probabilities: (rows, labels) float, at least one row.
        labels: (rows, labels) bool.

    Returns:
        (labels,) float32; a label is given from its threshold on, inclusive. 0.5 for a label that no row has.
    """
    order = np.argsort(-probabilities, axis=0, kind="stable")
    ranked = np.take_along_axis(probabilities, order, axis=0)
    lower = np.vstack([ranked[1:], np.zeros_like(ranked[:1])])
    right = np.take_along_axis(labels, order, axis=0).cumsum(0)
    given = np.arange(1, len(ranked) + 1)[:, None]
    f1 = 2 * right / (given + labels.sum(0))
    f1[:-1][ranked[1:] == ranked[:-1]] = -1  # no threshold comes between rows of the same probability
    best, label = f1.argmax(0), np.arange(labels.shape[1])
    at, below = ranked[best, label], lower[best, label]
    middle = ((at.astype(np.float64) + below) / 2).astype(np.float32)
    thresholds = np.where(middle > below, middle, at)  # no number lies between neighbours
    return np.where(labels.any(0), thresholds, UNDECIDED).astype(np.float32)
