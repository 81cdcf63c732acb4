"""Which rows an epoch holds, where classes are to be met equally often."""

import numpy as np


def balanced_rows(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """As many rows as there are, those of each class equally often: (rows,) int64, in no particular order.

    Rows are drawn with chances inverse to their class's frequency, at equal distances rather than one by one
    (systematic sampling, Madow 1949): rows of a rare class come again equally often, to within one, and those of a
    frequent class never twice.

    Args:
        labels: class numbers, (rows,) int64.
        random: decides which rows.
    """
    shuffled = random.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    ends = (1 / np.bincount(labels)[labels[by_class]]).cumsum()
    places = (np.arange(len(labels)) + random.random()) * (ends[-1] / len(labels))
    return by_class[np.searchsorted(ends, places, side="right").clip(max=len(labels) - 1)]
