"""Baselines whose answers are sums of what stands in a text."""

from abc import abstractmethod
from typing import NamedTuple

import numpy as np

from sweepformer.baselines.baseline import Baseline


class Contributions(NamedTuple):
    """What each word or letter of a text adds to logits.

    spans: where they stand, the first character of each and the one after its last; values: (spans, outputs) float64;
    base: (outputs,) float64. `base + values.sum(0)` is what `Baseline.logits` answers, of classes before these become
    logarithms of probabilities.
    """

    spans: list[tuple[int, int]]
    values: np.ndarray
    base: np.ndarray


class Additive(Baseline):
    """A baseline whose answers can be told apart by words."""

    @abstractmethod
    def contributions(self, text: str) -> Contributions:
        """Of a text as `data.texts` writes it."""
