"""A linear model on TF-IDF: the strong baseline of text classification."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from sweepformer.baselines.baseline import Additive, Contributions
from sweepformer.baselines.linear import Linear, fit_linear
from sweepformer.config.choices import Choice
from sweepformer.config.kinds import LabelKind
from sweepformer.data.texts import BETWEEN_TEXTS, have_spaces, split_pair
from sweepformer.errors import UserError

USUAL_NGRAMS = {"word": (1, 2), "char": (1, 5)}
WORDS = r"(?u)\b\w+\b"  # words of one letter too
LETTERS = re.compile(r"\s\s+|.", re.DOTALL)  # several spaces count as one


class TfIdf(Additive):
    """TF-IDF of n-grams (Salton and Buckley 1988) with a linear model: SVMs of classes, ridge regression of numbers.

    Where a row is two texts, n-grams count apart in the first, in the second, and as far as both have them: a linear
    model could not tell from the first two alone whether the texts are alike.

    Args:
        analyzer: "word", "char", or "auto": characters if most training texts hold no space.
        ngrams: the shortest and the longest; None: 1 and 2 for words, 1 and 5 for characters.
        min_frequency: texts that an n-gram must occur in.
        sublinear: 1 + log of an n-gram's count instead of the count.
        c_grid: values of C, the weight of errors against the size of weights; validation decides (`fit_linear`).
    """

    labels = (LabelKind.CLASS, LabelKind.CLASSES, LabelKind.NUMBER)

    def __init__(
        self,
        analyzer: str = "auto",
        ngrams: Sequence[int] | None = None,
        min_frequency: int = 1,
        sublinear: bool = True,
        c_grid: Sequence[float] = (0.1, 1.0, 10.0),
    ) -> None:
        if analyzer not in ("auto", *USUAL_NGRAMS):
            raise ValueError(f"analyzer={analyzer!r} is not one of auto, {', '.join(USUAL_NGRAMS)}")
        if ngrams is not None and not (len(ngrams) == 2 and 1 <= ngrams[0] <= ngrams[1]):
            raise ValueError(f"ngrams={list(ngrams)}: give the shortest and the longest, such as [1,2]")
        if not c_grid or not all(0 < c < math.inf for c in c_grid):
            raise ValueError(f"c_grid={list(c_grid)}: give at least one number above 0")
        if min_frequency < 1:
            raise ValueError(f"min_frequency={min_frequency} must be at least 1")
        self.analyzer, self.ngrams, self.c_grid = analyzer, ngrams, c_grid
        self.min_frequency, self.sublinear = min_frequency, sublinear

    def choices(self, texts: Sequence[str]) -> list[Choice]:
        analyzer, found = self.analyzer, []
        if analyzer == "auto":
            analyzer = "word" if (spaces := have_spaces(_singles(texts))) else "char"
            found.append(Choice("model.analyzer", analyzer, f"as most texts have {'' if spaces else 'no '}spaces"))
        if self.ngrams is None:
            unit = "words" if analyzer == "word" else "characters"
            found.append(Choice("model.ngrams", list(USUAL_NGRAMS[analyzer]), f"as is usual for {unit}"))
        return found

    def fit(self, texts: Sequence[str], labels: np.ndarray, val_texts: Sequence[str], val_labels: np.ndarray) -> None:
        self.pairs = BETWEEN_TEXTS in texts[0]
        chosen = {one.key: one.value for one in self.choices(texts)}
        self.vectorizer = self._vectorizer(chosen.get("model.analyzer", self.analyzer))
        try:
            self.vectorizer.fit(_singles(texts))
        except ValueError as error:  # no n-gram is left
            raise UserError(
                f"model.min_frequency={self.min_frequency}: no n-gram occurs in so many texts ({error}). Lower it."
            ) from error
        features, val_features = self._features(texts), self._features(val_texts)
        self.linear = fit_linear(features, labels, val_features, val_labels, self.c_grid)

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        return self.linear.logits(self._features(texts))

    def contributions(self, text: str) -> Contributions:
        """As the weights have it, exactly; what an n-gram adds is shared equally by its words or letters, wherever it
        occurs in the text.
        """
        features = self._features([text])
        found = dict(zip(features.indices.tolist(), features.data.tolist(), strict=True))
        spans, places = self._places(text)
        values = np.zeros((len(spans), len(self.linear.bias)))
        for feature, where in places.items():
            weights = self.linear.weights[:, feature] * self.linear.scale * found.get(feature, 0.0)
            np.add.at(values, where, weights / len(where))
        return Contributions(spans, values, self.linear.bias * self.linear.scale + self.linear.shift)

    def _places(self, text: str) -> tuple[list[tuple[int, int]], dict[int, list[int]]]:
        """Where the text's words or letters stand, and for each feature that it has the numbers of those it is made of,
        as often as it occurs.
        """
        vocabulary, analyzer = self.vectorizer.vocabulary_, self.vectorizer.analyzer
        spans: list[tuple[int, int]] = []
        places: dict[int, list[int]] = defaultdict(list)
        begins = 0
        for side, part in enumerate(split_pair(text) if self.pairs else [text]):
            units, where_units = _units(part, analyzer)
            for ngram, numbers in _ngrams(units, analyzer, *self.vectorizer.ngram_range):
                if (feature := vocabulary.get(ngram)) is None:
                    continue
                where = [len(spans) + number for number in numbers]
                places[side * len(vocabulary) + feature] += where
                if self.pairs:  # as far as both texts have it
                    places[2 * len(vocabulary) + feature] += where
            spans += [(begins + start, begins + end) for start, end in where_units]
            begins += len(part) + 1
        return spans, places

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
            token_pattern=WORDS if analyzer == "word" else None,
            dtype=np.float32,
        )


def _singles(texts: Sequence[str]) -> Sequence[str]:
    """Each text by itself, also where rows are two."""
    return [text for pair in texts for text in split_pair(pair)] if BETWEEN_TEXTS in texts[0] else texts


def _units(text: str, analyzer: str) -> tuple[list[str], list[tuple[int, int]]]:
    """The words of a text, or with analyzer="char" its letters, in lower case, as scikit-learn's vectorizers count;
    and where each stands: its first character in the text, and the one after the last.
    """
    # One character may become two: each of the lower case knows where it was.
    places = [place for place, character in enumerate(text) for _ in character.lower()]
    found = list(re.finditer(WORDS if analyzer == "word" else LETTERS, text.lower()))
    spans = [(places[one.start()], places[one.end() - 1] + 1) for one in found]
    return [" " if one[0].isspace() and len(one[0]) > 1 else one[0] for one in found], spans


def _ngrams(units: list[str], analyzer: str, shortest: int, longest: int) -> Iterator[tuple[str, range]]:
    """Every n-gram, and the numbers of its units."""
    between = " " if analyzer == "word" else ""
    for length in range(shortest, longest + 1):
        for first in range(len(units) - length + 1):
            yield between.join(units[first : first + length]), range(first, first + length)
