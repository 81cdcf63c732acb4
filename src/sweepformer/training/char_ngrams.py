"""Which words are spelled alike: what is learned of one tells something of the others."""

import logging
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix, hstack

log = logging.getLogger(__name__)

SHORTEST, LONGEST = 2, 5  # characters in n-grams, the marks of a word's ends among them
LONGEST_WORD = 40  # characters: what is longer is no word
MOST_ENTRIES = 50_000_000  # character n-grams of all training rows: half a gigabyte
MOST_WORK = 500_000_000  # character n-grams of all training rows times classes: some minutes at worst


class CharNgrams:
    """Rows of n-grams of words get the character n-grams of these words besides (Bojanowski et al. 2017).

    A word then brings its character n-grams along, each by its IDF among words, together as long as the word itself. A
    linear model of both is one of words alone, as `in_words` says: in use, they cost nothing.

    Args:
        spelled: (n-grams, character n-grams) float64, those of each n-gram that is a word.
    """

    def __init__(self, spelled: csr_matrix) -> None:
        self.spelled = spelled

    @classmethod
    def of(cls, words: Sequence[str], weight: float, rows: np.ndarray, classes: int) -> "CharNgrams":
        """Those of words. Where they would be very many, there are none.

        Args:
            words: how each n-gram is spelled; "" where it is not a single word.
            weight: of character n-grams beside that of the word; 0: none.
            rows: (n-grams,) int64, in how many training rows each is.
            classes: that are learned.
        """
        none = csr_matrix((len(words), 0))
        if not weight or not any(words):
            return cls(none)
        spelled = _shared_char_ngrams(words)
        entries = np.diff(spelled.indptr) @ rows
        if entries > min(MOST_ENTRIES, MOST_WORK / classes):
            log.info("wide path: no character n-grams of words, as %s in all would take long", f"{entries:,}")
            return cls(none)
        return cls(weight * spelled)

    @property
    def there_are(self) -> bool:
        """Whether any word has some."""
        return self.spelled.nnz > 0

    def those(self, kind: np.ndarray) -> "CharNgrams":
        """Of some n-grams only. kind: (n-grams,) bool."""
        return CharNgrams(self.spelled[kind])

    def beside(self, table: csr_matrix) -> csr_matrix:
        """(rows, n-grams) float64 to (rows, n-grams + character n-grams)."""
        return hstack([table, table @ self.spelled], format="csr")

    def in_words(self, weights: np.ndarray) -> np.ndarray:
        """The weights of n-grams that give the scores that these and those of character n-grams together do.

        weights: (classes, n-grams + character n-grams) float64 to (classes, n-grams).
        """
        own, of_chars = np.split(weights, [self.spelled.shape[0]], axis=1)
        return own + (self.spelled @ of_chars.T).T


def _shared_char_ngrams(words: Sequence[str]) -> csr_matrix:
    """(words, character n-grams) float64 of unit length, those that two words have; none where no two share any."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        return TfidfVectorizer(analyzer=char_ngrams, min_df=2).fit_transform(words)
    except ValueError:  # its way to say that no n-gram is left
        return csr_matrix((len(words), 0))


def char_ngrams(word: str) -> list[str]:
    """Those of a word and its two ends."""
    whole = f"<{word}>" if 0 < len(word) <= LONGEST_WORD else ""
    return [
        whole[start : start + length]
        for length in range(SHORTEST, LONGEST + 1)
        for start in range(len(whole) - length + 1)
    ]
