"""How well tokens can be told by how often they occur, alone or after the one before: what a language model must beat.

Like `task=language_modeling`, these ask for every token but a row's first.
"""

import numpy as np

from sweepformer.data.store import TokenizedRows

WEIGHTS = np.linspace(0.05, 0.95, 19)  # of the pairs' shares, to choose from


def unigram_perplexity(train: TokenizedRows, test: TokenizedRows, vocab_size: int) -> float:
    """By the tokens' shares of the training rows, each counted once more than it occurs (Laplace)."""
    return float(np.exp(-np.log(_shares(train, vocab_size)[_pairs(test)[1]]).mean()))


def bigram_perplexity(train: TokenizedRows, val: TokenizedRows, test: TokenizedRows, vocab_size: int) -> float:
    """By their shares after the token before, mixed with those alone (Jelinek and Mercer 1980).

    The weight of the mixture is the one that is best on the validation rows.
    """
    alone = _shares(train, vocab_size)
    before, after = _pairs(train)
    kinds, counts = np.unique(before * vocab_size + after, return_counts=True)
    begins = np.bincount(before, minlength=vocab_size)

    def likelihoods(rows: TokenizedRows) -> np.ndarray:
        """(weights, tokens)"""
        before, after = _pairs(rows)
        keys = before * vocab_size + after
        places = np.searchsorted(kinds, keys).clip(max=len(kinds) - 1)
        paired = np.where(kinds[places] == keys, counts[places], 0) / begins[before].clip(min=1)
        weights = WEIGHTS[:, None] * (begins[before] > 0)
        return weights * paired + (1 - weights) * alone[after]

    best = np.log(likelihoods(val)).mean(1).argmax()
    return float(np.exp(-np.log(likelihoods(test)[best]).mean()))


def _shares(rows: TokenizedRows, vocab_size: int) -> np.ndarray:
    """(vocab_size,), of all tokens but the rows' first ones."""
    counts = 1 + rows.counts(vocab_size) - np.bincount(rows.tokens[rows.offsets[:-1]], minlength=vocab_size)
    return counts / counts.sum()


def _pairs(rows: TokenizedRows) -> tuple[np.ndarray, np.ndarray]:
    """Every token but the rows' first ones, and the one before each: (before, token), int64."""
    goes_on = np.ones(len(rows.tokens), dtype=bool)
    goes_on[rows.offsets[:-1]] = False
    places = np.flatnonzero(goes_on)
    return rows.tokens[places - 1].astype(np.int64), rows.tokens[places].astype(np.int64)
