"""A linear model on features of words: the strong baseline of tagging."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import log_softmax
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import SGDClassifier

from sweepformer.baselines.baseline import Baseline
from sweepformer.baselines.linear import fitted_temperature
from sweepformer.config.kinds import LabelKind
from sweepformer.data.texts import split_words

BEFORE, AFTER = "<before>", "<after>"  # the sentence


class WordFeatures(Baseline):
    """Linear models of one tag against the rest, on a word, its affixes and shape and its neighbours.

    The features are those of Ratnaparkhi 1996 without the tags of earlier words, hashed (Weinberger et al. 2009).
    Scores become probabilities by one temperature, fitted on the validation rows (Guo et al. 2017).

    Args:
        longest_affix: letters in the longest prefix and suffix.
        window: words before and after that are looked at.
        buckets: places that all features share.
        strength: weight of the penalty on large weights.
        epochs: passes over the training words.
    """

    labels = (LabelKind.TAGS,)

    def __init__(
        self, longest_affix: int = 4, window: int = 2, buckets: int = 262144, strength: float = 1e-6, epochs: int = 5
    ) -> None:
        if min(longest_affix, window) < 0 or min(buckets, epochs) < 1 or not 0 < strength < math.inf:
            limits = "longest_affix and window may not be below 0, buckets and epochs not below 1; strength is above 0"
            raise ValueError(limits)
        self.longest_affix, self.window = longest_affix, window
        self.hasher = FeatureHasher(buckets, input_type="string", dtype=np.float32)
        self.strength, self.epochs = strength, epochs

    def fit(self, texts: Sequence[str], labels: np.ndarray, val_texts: Sequence[str], val_labels: np.ndarray) -> None:
        # Averaged weights (Collins 2002) stand for an ensemble of all that training went through.
        machine = SGDClassifier(
            loss="log_loss", alpha=self.strength, max_iter=self.epochs, tol=None, average=True, random_state=0
        ).fit(self._features(texts), labels)
        self.weights, self.bias = machine.coef_.astype(np.float32), machine.intercept_.astype(np.float32)
        if len(self.weights) == 1:  # of two tags there is one score, the second's
            self.weights, self.bias = np.vstack([-self.weights, self.weights]), np.append(-self.bias, self.bias)
        self.temperature = fitted_temperature(self._scores(val_texts), val_labels)

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        return log_softmax(self._scores(texts) / self.temperature, axis=1).astype(np.float32)

    def state(self) -> dict[str, np.ndarray]:
        return {"weights": self.weights, "bias": self.bias, "temperature": np.array(self.temperature)}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        self.weights, self.bias, self.temperature = state["weights"], state["bias"], float(state["temperature"])

    def _scores(self, texts: Sequence[str]) -> np.ndarray:
        return self._features(texts) @ self.weights.T + self.bias

    def _features(self, texts: Sequence[str]) -> csr_matrix:
        return self.hasher.transform(features for text in texts for features in self._of_sentence(split_words(text)))

    def _of_sentence(self, words: list[str]) -> Iterator[list[str]]:
        """What is known of each word."""
        padded = [BEFORE] * self.window + words + [AFTER] * self.window
        lower = [word.lower() for word in padded]
        for place, word in enumerate(words, self.window):
            found = ["always", f"word {word}", f"shape {shape(word)}"]
            for length in range(1, self.longest_affix + 1):
                found += [f"prefix {lower[place][:length]}", f"suffix {lower[place][-length:]}"]
            for step in range(-self.window, self.window + 1):
                found.append(f"{step} {lower[place + step]}")
            for step in (-1, 1) if self.window else ():
                found += [f"{step} suffix {lower[place + step][-3:]}", f"{step} shape {shape(padded[place + step])}"]
            yield found


def shape(word: str) -> str:
    """X for capitals, x for other letters, 0 for digits, each once in a row: "McDonald's" is "XxXx'x"."""
    kinds = ["X" if one.isupper() else "x" if one.isalpha() else "0" if one.isdigit() else one for one in word]
    return "".join(one for one, before in zip(kinds, ["", *kinds], strict=False) if one != before)
