"""Which of a run's metrics are shown where there is room for a few."""

from collections.abc import Iterable

# The most telling first; the loss stands for all others.
ORDER = ("acc", "f1", "f1_micro", "spearman", "pearson", "mae", "perplexity")


def telling(split: str, found: Iterable[str]) -> list[str]:
    """Those of `found` that say how good a run is on a split, such as `val_acc` and `val_f1`; not the loss."""
    names = set(found)
    return [f"{split}_{name}" for name in ORDER if f"{split}_{name}" in names]
