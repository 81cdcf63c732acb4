"""A linear model on TF-IDF: the strong baseline of text classification."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from sweepformer.baselines.baseline import Baseline
from sweepformer.baselines.linear import Linear, fit_linear
from sweepformer.data.texts import BETWEEN_TEXTS, split_pair
from sweepformer.errors import UserError

USUAL_NGRAMS = {"word": (1, 2), "char": (1, 5)}


class TfIdf(Baseline):
    """TF-IDF of n-grams (Salton and Buckley 1988) with a linear model: SVMs of classes, ridge regression of numbers.

    Where a row is two texts, n-grams count apart in the first, in the second, and as far as both have them: a linear
    model could not tell from the first two alone whether the texts are alike.

    Args:
        analyzer: "word", "char", or "auto": characters if most training texts hold no space.
        ngrams: the shortest and the longest; None: 1 and 2 for words, 1 and 5 for characters.
        min_frequency: texts that an n-gram must occur in.
        sublinear: 1 + log of an n-gram's count instead of the count.
        strengths: values of C, the weight of errors against the size of weights; validation decides (`fit_linear`).
    """

    labels = ("class", "classes", "number")

    def __init__(
        self,
        analyzer: str = "auto",
        ngrams: Sequence[int] | None = None,
        min_frequency: int = 1,
        sublinear: bool = True,
        strengths: Sequence[float] = (0.1, 1.0, 10.0),
    ) -> None:
        if analyzer not in ("auto", *USUAL_NGRAMS):
            raise ValueError(f"analyzer={analyzer!r} is not one of auto, {', '.join(USUAL_NGRAMS)}")
        if ngrams is not None and not (len(ngrams) == 2 and 1 <= ngrams[0] <= ngrams[1]):
            raise ValueError(f"ngrams={list(ngrams)}: give the shortest and the longest, such as [1,2]")
        if not strengths or min(strengths) <= 0:
            raise ValueError(f"strengths={list(strengths)}: give at least one number above 0")
        self.analyzer, self.ngrams, self.strengths = analyzer, ngrams, strengths
        self.min_frequency, self.sublinear = min_frequency, sublinear

    def fit(self, texts: Sequence[str], labels: np.ndarray, val_texts: Sequence[str], val_labels: np.ndarray) -> None:
        self.pairs = BETWEEN_TEXTS in texts[0]
        singles = [text for pair in texts for text in split_pair(pair)] if self.pairs else texts
        self.vectorizer = self._vectorizer(_analyzer(self.analyzer, singles))
        try:
            self.vectorizer.fit(singles)
        except ValueError as error:  # no n-gram is left
            raise UserError(
                f"model.min_frequency={self.min_frequency}: no n-gram occurs in so many texts ({error}). Lower it."
            ) from error
        features, val_features = self._features(texts), self._features(val_texts)
        self.linear = fit_linear(features, labels, val_features, val_labels, self.strengths)

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        return self.linear.logits(self._features(texts))

    def state(self) -> dict[str, np.ndarray]:
        # N-grams of characters may hold anything but NUL, which no text has.
        words = "\0".join(self.vectorizer.get_feature_names_out()).encode()
        return {
            "ngrams": np.frombuffer(words, dtype=np.uint8),
            "idf": self.vectorizer.idf_,
            "analyzer": np.array(self.vectorizer.analyzer),
            "pairs": np.array(self.pairs),
            **self.linear.state(),
        }

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        self.vectorizer = self._vectorizer(str(state["analyzer"]))
        self.vectorizer.vocabulary = state["ngrams"].tobytes().decode().split("\0")
        self.vectorizer.idf_ = state["idf"]
        self.pairs, self.linear = bool(state["pairs"]), Linear.of(state)

    def _features(self, texts: Sequence[str]) -> csr_matrix:
        if not self.pairs:
            return self.vectorizer.transform(texts)
        first, second = (self.vectorizer.transform(side) for side in zip(*map(split_pair, texts), strict=True))
        return hstack([first, second, first.minimum(second)], format="csr")

    def _vectorizer(self, analyzer: str) -> TfidfVectorizer:
        return TfidfVectorizer(
            analyzer=analyzer,
            ngram_range=tuple(self.ngrams or USUAL_NGRAMS[analyzer]),
            min_df=self.min_frequency,
            sublinear_tf=self.sublinear,
            token_pattern=r"(?u)\b\w+\b" if analyzer == "word" else None,  # words of one letter too
            dtype=np.float32,
        )


def _analyzer(chosen: str, texts: Sequence[str]) -> str:
    if chosen != "auto":
        return chosen
    some = texts[:1000]
    return "word" if sum(" " in text.strip() for text in some) * 2 > len(some) else "char"
