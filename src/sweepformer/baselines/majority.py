"""The most frequent answer, of rows or of each word: what any model must beat."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import logit

from sweepformer.baselines.baseline import Baseline
from sweepformer.config.kinds import LabelKind
from sweepformer.data.labels import mean_and_scale
from sweepformer.data.texts import split_words

CERTAIN = 1e-6  # short of a probability of 0 or 1


class Majority(Baseline):
    """Answers the same whatever the text: each class's share of the training rows, or the mean of their numbers.

    Of tags it is each word's own shares.
    """

    labels = (LabelKind.CLASS, LabelKind.CLASSES, LabelKind.NUMBER, LabelKind.TAGS)

    def suited_to(self, labelled: LabelKind) -> Baseline:
        return WordMajority() if labelled.is_of_words else self

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


SMALLEST = 1e-4  # share of a tag that a word never had: one surprise would else make the loss infinite


class WordMajority(Baseline):
    """Answers with the tags' shares among the training words that are written alike; to new words with those of all."""

    labels = (LabelKind.TAGS,)

    def fit(self, texts: Sequence[str], labels: np.ndarray, val_texts: Sequence[str], val_labels: np.ndarray) -> None:
        tags = int(labels.max()) + 1
        counts = Counter(zip(_words(texts), labels.tolist(), strict=True))
        self.places = {word: place for place, word in enumerate(dict.fromkeys(word for word, _ in counts))}
        table = np.zeros((len(self.places) + 1, tags))
        for (word, tag), count in counts.items():
            table[self.places[word], tag] = count
        table[-1] = table.sum(0)  # of new words
        self.shares = (table / table.sum(1, keepdims=True)).astype(np.float32)

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        places = [self.places.get(word, -1) for word in _words(texts)]
        return np.log(np.maximum(self.shares, SMALLEST))[places]

    def state(self) -> dict[str, np.ndarray]:
        words = "\0".join(self.places).encode()  # NUL stands in no text
        return {"words": np.frombuffer(words, dtype=np.uint8), "shares": self.shares}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        words = state["words"].tobytes().decode().split("\0")
        self.places, self.shares = {word: place for place, word in enumerate(words)}, state["shares"]


def _words(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        yield from split_words(text)
