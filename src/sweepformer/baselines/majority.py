"""The least that any model must do better than."""

from collections.abc import Sequence

import numpy as np

from sweepformer.baselines.baseline import Baseline


class Majority(Baseline):
    """Answers with the classes' shares of the training rows, whatever the text."""

    def fit(self, texts: Sequence[str], labels: np.ndarray, val_texts: Sequence[str], val_labels: np.ndarray) -> None:
        self.shares = np.bincount(labels) / len(labels)

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        return np.tile(np.log(self.shares).astype(np.float32), (len(texts), 1))

    def state(self) -> dict[str, np.ndarray]:
        return {"shares": self.shares}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        self.shares = state["shares"]
