"""What every baseline can do."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np


class Baseline(ABC):
    """Answers for raw texts. labels: what its rows may be labelled with, as in `tasks.kinds.Kind`."""

    labels: ClassVar[tuple[str, ...]] = ("class",)

    def suited_to(self, labelled: str) -> "Baseline":
        """The baseline that stands for this one where rows are labelled so, as in `tasks.kinds.Kind`."""
        return self

    @abstractmethod
    def fit(self, texts: Sequence[str], labels: np.ndarray, val_texts: Sequence[str], val_labels: np.ndarray) -> None:
        """Learn from the training rows; choose what there is to choose on the validation rows.

        labels: as in `TokenizedRows`, but where words are tagged (`data.texts.split_words` tells them apart) one for
            each word, (words,) int64, all rows' one after another; every class occurs in training.
        """

    @abstractmethod
    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """float32, what a model would answer: of classes (rows, classes) logarithms of probabilities; of sets of
        classes (rows, classes) log odds; of numbers (rows, 1), in standard deviations from the training rows' mean;
        of tags (words, tags) logarithms of probabilities.
        """

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
