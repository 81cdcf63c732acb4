"""What every baseline can do."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np


class Baseline(ABC):
    """Classifies raw texts."""

    @abstractmethod
    def fit(self, texts: Sequence[str], labels: np.ndarray, val_texts: Sequence[str], val_labels: np.ndarray) -> None:
        """Learn from the training rows; choose what there is to choose on the validation rows.

        labels: (rows,) int64 class numbers; every class occurs in training.
        """

    @abstractmethod
    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """(rows, classes) float64."""

    @abstractmethod
    def state(self) -> dict[str, np.ndarray]:
        """All that was learned, as plain arrays."""

    @abstractmethod
    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Take over what `state` returned."""

    @property
    def parameters(self) -> int:
        """How many numbers were learned."""
        return sum(array.size for array in self.state().values() if array.dtype.kind == "f")
