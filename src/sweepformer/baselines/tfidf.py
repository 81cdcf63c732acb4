"""A linear model on TF-IDF: the strong baseline of text classification."""

import logging
import warnings
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from sweepformer.baselines.baseline import Baseline
from sweepformer.errors import UserError

log = logging.getLogger(__name__)

USUAL_NGRAMS = {"word": (1, 2), "char": (1, 5)}


class TfIdf(Baseline):
    """TF-IDF of n-grams (Salton and Buckley 1988) with a linear SVM of one class against the rest (Joachims 1998).

    The SVM's scores become probabilities by one temperature, fitted on the validation rows (Guo et al. 2017).

    Args:
        analyzer: "word", "char", or "auto": characters if most training texts hold no space.
        ngrams: the shortest and the longest; None: 1 and 2 for words, 1 and 5 for characters.
        min_frequency: texts that an n-gram must occur in.
        sublinear: 1 + log of an n-gram's count instead of the count.
        strengths: values of C, the weight of errors against the size of weights; validation accuracy decides.
    """

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
        self.vectorizer = self._vectorizer(_analyzer(self.analyzer, texts))
        try:
            features = self.vectorizer.fit_transform(texts)
        except ValueError as error:  # no n-gram is left
            raise UserError(
                f"model.min_frequency={self.min_frequency}: no n-gram occurs in so many texts ({error}). Lower it."
            ) from error
        val_features = self.vectorizer.transform(val_texts)
        best = -1.0
        for strength in self.strengths:
            with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
                machine = LinearSVC(C=strength, random_state=0).fit(features, labels)
            accuracy = float((machine.predict(val_features) == val_labels).mean())
            log.info("C=%g: val_acc %.4f", strength, accuracy)
            if accuracy > best:
                best, self.weights, self.bias = accuracy, machine.coef_, machine.intercept_
        if len(self.weights) == 1:  # of two classes there is one score, the second's
            self.weights, self.bias = np.vstack([-self.weights, self.weights]), np.append(-self.bias, self.bias)
        self.temperature = _fitted_temperature(self._scores(val_features), val_labels)

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        scores = self._scores(self.vectorizer.transform(texts))
        return log_softmax(scores / self.temperature, axis=1).astype(np.float32)

    def state(self) -> dict[str, np.ndarray]:
        # N-grams of characters may hold anything but NUL, which no text has.
        words = "\0".join(self.vectorizer.get_feature_names_out()).encode()
        return {
            "ngrams": np.frombuffer(words, dtype=np.uint8),
            "idf": self.vectorizer.idf_,
            "weights": self.weights,
            "bias": self.bias,
            "temperature": np.array(self.temperature),
            "analyzer": np.array(self.vectorizer.analyzer),
        }

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        self.vectorizer = self._vectorizer(str(state["analyzer"]))
        self.vectorizer.vocabulary = state["ngrams"].tobytes().decode().split("\0")
        self.vectorizer.idf_ = state["idf"]
        self.weights, self.bias, self.temperature = state["weights"], state["bias"], float(state["temperature"])

    def _vectorizer(self, analyzer: str) -> TfidfVectorizer:
        return TfidfVectorizer(
            analyzer=analyzer,
            ngram_range=tuple(self.ngrams or USUAL_NGRAMS[analyzer]),
            min_df=self.min_frequency,
            sublinear_tf=self.sublinear,
            token_pattern=r"(?u)\b\w+\b" if analyzer == "word" else None,  # words of one letter too
            dtype=np.float32,
        )

    def _scores(self, features: csr_matrix) -> np.ndarray:
        return features @ self.weights.T + self.bias


def _analyzer(chosen: str, texts: Sequence[str]) -> str:
    if chosen != "auto":
        return chosen
    some = texts[:1000]
    return "word" if sum(" " in text.strip() for text in some) * 2 > len(some) else "char"


def _fitted_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """What the scores are divided by for the lowest log loss."""

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(scores / np.exp(log_temperature), axis=1)[np.arange(len(labels)), labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-5, 5), method="bounded").x))
