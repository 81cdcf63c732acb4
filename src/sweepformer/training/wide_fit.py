"""A model's wide path, learned from the training rows in one go before the encoder's training begins."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix, hstack
from scipy.special import log_softmax
from torch import nn

from sweepformer.data.batches import Batch, BatchedRows
from sweepformer.models.layout import Packed
from sweepformer.models.wide import NOTHING, WidePath

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 256
MOST_WORK = 10_000_000  # rows times classes that are learned from: one to two minutes
MOST_TOKENS = 10_000_000  # that are learned from: some gigabytes of n-grams
MOST_WEIGHTS = 1 << 24  # n-grams times classes: every checkpoint has them
UNSEEN = -1.0  # the score of a class without rows: an SVM's for what is clearly not of a class
OF_ONE_LENGTH = 0.95  # share of training rows that must be as long as most are, for places to mean something
CHARACTERS = range(2, 6)  # in n-grams of them, the marks of a word's ends included
LONGEST_WORD = 40  # characters: what is longer is no word
MOST_CHAR_NGRAMS = 50_000_000  # in all training rows: half a gigabyte
MOST_CHAR_WORK = 500_000_000  # that many times classes: some minutes at worst


def fit_wide(
    wide: WidePath,
    train: BatchedRows,
    val: BatchedRows,
    options: dict[str, Any],
    most_rows: int | None = None,
    words: Sequence[str] = (),
) -> None:
    """Teach the wide path its n-grams and their weights.

    N-grams are those that most training rows have. Of very many rows, some from all over are learned from. The
    classifier is that of `model=tfidf` (see `baselines.linear.fit_linear`), of the tokens that the model reads. Where
    tokens may also be told apart by their places, n-grams, tokens at places, and both together are tried, and the
    validation rows' likelihood decides.

    Args:
        wide: without any n-grams.
        train, val: rows with a class each.
        options: `model.wide` of a config: features, char_ngram_weight, c_grid.
        most_rows: of the training rows that may be looked at, and of the validation rows; None: all.
        words: how each token is spelled, where tokens are words.
    """
    from sweepformer.baselines.linear import fit_linear  # scikit-learn takes a second to load

    classes = len(wide.bias)
    some, val_some = (_some(rows, min(most_rows or len(rows), MOST_WORK // classes)) for rows in (train, val))
    present, labels = np.unique(train.rows.labels[some], return_inverse=True)
    val_some = val_some[np.isin(val.rows.labels[val_some], present)]
    if len(present) < 2 or not len(val_some):
        return  # nothing to tell apart, or to tell by how well it is done
    val_labels = np.searchsorted(present, val.rows.labels[val_some])
    precision = wide.bias.dtype
    wide.cpu().double()
    found, counts = _frequent(wide, train, some, min(int(options["features"]), MOST_WEIGHTS // classes))
    of_rows = f", from {len(some):,} of {len(train):,} rows" if len(some) < len(train) else ""
    # Longer n-grams are no words, and neither are tokens at places.
    spelled_as = [words[key - 1] if 0 < key <= len(words) else "" for key in found.tolist()]
    char_ngrams = CharNgrams.of(spelled_as, options.get("char_ngram_weight", 0.0), counts, len(present))
    tried = []
    for name, kind in _kinds(found, wide.ngram_order):
        beside = char_ngrams.those(kind)
        spelled = " and the character n-grams of words" if beside.spelled.nnz else ""
        log.info("wide path: %s %s%s%s", f"{kind.sum():,}", name, spelled, of_rows)
        idf = np.log((1 + len(some)) / (1 + counts[kind])) + 1  # as if one more row had them all: `smooth_idf`
        known = torch.from_numpy(found[kind]), torch.from_numpy(idf)
        wide.know(*known)
        table, val_table = (beside.beside(_table(wide, *rows)) for rows in ((train, some), (val, val_some)))
        linear = fit_linear(table, labels, val_table, val_labels, options["c_grid"])
        weights, bias = np.zeros((classes, len(known[0]))), np.full(classes, UNSEEN)
        weights[present], bias[present] = beside.in_words(linear.weights), linear.bias
        scaled = [torch.from_numpy(part * linear.scale) for part in (weights, bias)]
        right = log_softmax(linear.logits(val_table), axis=1)[np.arange(len(val_labels)), val_labels]
        tried.append((float(right.mean()), name, known, scaled))
    _, name, known, learned = max(tried, key=lambda one: one[0])
    if len(tried) > 1:
        log.info("wide path: %s it is, by the likelihood of validation rows", name)
    wide.know(*known)
    wide.answer_with(*learned)
    wide.to(precision)


def wide_path_of(model: nn.Module) -> WidePath | None:
    """The wide path of a model; None if it has none."""
    wide = getattr(model, "wide", None)
    return wide if isinstance(wide, WidePath) else None


def count_parameters(model: nn.Module) -> int:
    """How many numbers a model learns, or has learned beforehand."""
    wide = wide_path_of(model)
    return sum(one.numel() for one in model.parameters()) + (wide.learned if wide else 0)


def log_ensemble_weights(model: nn.Module) -> None:
    """Print by what the logits of encoder and wide path are multiplied before they are added, if there are both."""
    if wide := wide_path_of(model):
        weights = wide.ensemble_weights.tolist()
        log.info("ensemble weights: encoder %.2f, wide path %.2f, fitted on validation rows", *weights)


def _some(rows: BatchedRows, most: int) -> np.ndarray:
    """Numbers of at most `most` rows from all over, of about `MOST_TOKENS` at most, ascending, int64."""
    if not len(rows):
        return np.zeros(0, dtype=np.int64)
    most = min(len(rows), most, int(MOST_TOKENS / rows.lengths.mean()))
    return np.linspace(0, len(rows) - 1, max(most, 1)).astype(np.int64)


def _frequent(wide: WidePath, train: BatchedRows, some: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The n-grams that most sequences have, (known,) int64 keys, ascending; and in how many each is, (known,)."""
    keys = []
    for batch, _ in _batches(train, some):
        ids, layout = batch.token_ids, batch.layout
        if isinstance(layout, Packed):
            ids, layout = layout.padded(ids), layout.padding_mask
        table = wide.ngrams(ids, layout).flatten(1).numpy()
        table = np.sort(np.pad(table, ((0, 0), (1, 0)), constant_values=NOTHING), axis=1)
        keys.append(table[:, 1:][table[:, 1:] != table[:, :-1]])  # each once
    found, counts = np.unique(np.concatenate(keys), return_counts=True)
    whole = train.rows.lengths[train.rows.lengths == train.lengths]  # what is cut has no length
    if int(np.bincount(whole, minlength=1).max()) < OF_ONE_LENGTH * len(train.lengths):
        found, counts = found[found > 0], counts[found > 0]  # places mean nothing
    # Among equals the short ones, whose keys are the smallest.
    kept = np.sort(np.lexsort((np.abs(found), -counts))[:most])
    return found[kept], counts[kept]


def _kinds(found: np.ndarray, ngram_order: int) -> Iterator[tuple[str, np.ndarray]]:
    """Which of the n-grams to try together, (known,) bool each, and what these are called."""
    ngrams = found > 0
    name = f"n-grams of up to {ngram_order} tokens"
    if ngrams.any():
        yield name, ngrams
    if not ngrams.all():
        yield "tokens at their places", ~ngrams
        yield f"{name} and tokens at their places", np.ones_like(ngrams)


def _table(wide: WidePath, rows: BatchedRows, some: np.ndarray) -> csr_matrix:
    """(some, known) float64 features; of a row in several windows their mean."""
    parts = []
    for batch, numbers in _batches(rows, some):
        places, features = (part.numpy() for part in wide.features(batch.token_ids, batch.layout))
        there = places > 0
        owners = np.broadcast_to(numbers[:, None], places.shape)[there]
        windows = np.bincount(numbers, minlength=len(some))
        parts.append((owners, places[there] - 1, features[there].astype(np.float64) / windows[owners]))
    owners, columns, values = (np.concatenate(part) for part in zip(*parts, strict=True))
    return csr_matrix((values, (owners, columns)), shape=(len(some), len(wide.keys) - 1))  # equal places are added up


def _batches(rows: BatchedRows, some: np.ndarray) -> Iterator[tuple[Batch, np.ndarray]]:
    """Some rows, those of like length together, and for each sequence the place of its row among them, int64."""
    order = some[np.argsort(rows.lengths[some], kind="stable")]
    for start in range(0, len(order), ROWS_AT_ONCE):
        batch = rows.__getitems__(order[start : start + ROWS_AT_ONCE].tolist())
        numbers = batch.rows if batch.windows is None else batch.rows[batch.windows]
        yield batch, np.searchsorted(some, numbers.numpy())


@dataclass(frozen=True)
class CharNgrams:
    """Rows of n-grams of words get the character n-grams of these words besides (Bojanowski et al. 2017).

    A word then brings its character n-grams along, each by its IDF among words, together as long as the word itself. A
    linear model of both is one of words alone, as `in_words` says: in use, they cost nothing.

    spelled: (n-grams, character n-grams) float64, those of each n-gram that is a word.
    """

    spelled: csr_matrix

    @classmethod
    def of(cls, words: Sequence[str], weight: float, rows: np.ndarray, classes: int) -> "CharNgrams":
        """Those of words; none where they would be very many, times the number of `classes`.

        words: how each n-gram is spelled; "" where it is not a single word; weight: of character n-grams beside that of
        the word, 0: none; rows: (n-grams,) int64, in how many training rows each is.
        """
        none = csr_matrix((len(words), 0))
        if not weight or not any(words):
            return cls(none)
        spelled = _shared_char_ngrams(words)
        entries = np.diff(spelled.indptr) @ rows
        if entries > min(MOST_CHAR_NGRAMS, MOST_CHAR_WORK / classes):
            log.info("wide path: no character n-grams of words, as %s in all would take long", f"{entries:,}")
            return cls(none)
        return cls(weight * spelled)

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
    """Those of a word and its two ends, the short ones first."""
    whole = f"<{word}>" if 0 < len(word) <= LONGEST_WORD else ""
    return [whole[start : start + size] for size in CHARACTERS for start in range(len(whole) - size + 1)]
