"""The least that any model must do better than."""

from collections.abc import Sequence

import numpy as np
from scipy.special import logit

from sweepformer.baselines.baseline import Baseline
from sweepformer.baselines.word_majority import WordMajority
from sweepformer.data.labels import mean_and_scale

CERTAIN = 1e-6  # short of a probability of 0 or 1


class Majority(Baseline):
    """Answers the same whatever the text: each class's share of the training rows, or the mean of their numbers.

    Of tags it is each word's own shares.
    """

    labels = ("class", "classes", "number", "tags")

    def suited_to(self, labelled: str) -> Baseline:
        return WordMajority() if labelled == "tags" else self

    def fit(self, texts: Sequence[str], labels: np.ndarray, val_texts: Sequence[str], val_labels: np.ndarray) -> None:
        if labels.dtype == bool:
            self.learned = {"shares": labels.mean(0)}
            self.answer = logit(self.learned["shares"].clip(CERTAIN, 1 - CERTAIN))
        elif labels.dtype.kind == "f":
            self.learned = dict(zip(("mean", "scale"), map(np.array, mean_and_scale(labels)), strict=True))
            self.answer = np.zeros(1)
        else:
            self.learned = {"shares": np.bincount(labels) / len(labels)}
            self.answer = np.log(self.learned["shares"])

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        return np.tile(self.answer.astype(np.float32), (len(texts), 1))

    def state(self) -> dict[str, np.ndarray]:
        return {**self.learned, "answer": self.answer}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        self.answer = state["answer"]
        self.learned = {name: array for name, array in state.items() if name != "answer"}
