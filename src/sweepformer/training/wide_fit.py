"""A model's wide path, learned from the training rows in one go before the encoder's training begins."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.special import log_softmax
from torch import nn

from sweepformer.data.batches import Batch, BatchedRows
from sweepformer.models.layout import Packed
from sweepformer.models.wide import NOTHING, WidePath
from sweepformer.training.char_ngrams import CharNgrams

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 256
MOST_WORK = 10_000_000  # rows times classes that are learned from: one to two minutes
MOST_TOKENS = 10_000_000  # that are learned from: some gigabytes of n-grams
MOST_WEIGHTS = 1 << 24  # n-grams times classes: every checkpoint has them
UNSEEN = -1.0  # the score of a class without rows: an SVM's for what is clearly not of a class
OF_ONE_LENGTH = 0.95  # share of training rows that must be as long as most are, for places to mean something


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
    char_ngrams = CharNgrams.of(_spelled(found, words), options.get("char_ngram_weight", 0.0), counts, len(present))
    tried = []
    for name, kind in _kinds(found, wide.ngram_order):
        beside = char_ngrams.those(kind)
        spelled = " and the character n-grams of words" if beside.there_are else ""
        log.info("wide path: %s %s%s%s", f"{kind.sum():,}", name, spelled, of_rows)
        known = torch.from_numpy(found[kind]), torch.from_numpy(_idf(counts[kind], len(some)))
        wide.know(*known)
        table, val_table = (beside.beside(_table(wide, *rows)) for rows in ((train, some), (val, val_some)))
        linear = fit_linear(table, labels, val_table, val_labels, options["c_grid"])
        weights, bias = np.zeros((classes, len(known[0]))), np.full(classes, UNSEEN)
        weights[present], bias[present] = beside.in_words(linear.weights), linear.bias
        scaled = [torch.from_numpy(part * linear.scale) for part in (weights, bias)]
        tried.append((_likelihood(linear.logits(val_table), val_labels), name, known, scaled))
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
        table = wide.ngrams(*_padded(batch)).flatten(1).numpy()
        table = np.sort(np.pad(table, ((0, 0), (1, 0)), constant_values=NOTHING), axis=1)
        keys.append(table[:, 1:][table[:, 1:] != table[:, :-1]])  # each once
    found, counts = np.unique(np.concatenate(keys), return_counts=True)
    if not _are_of_one_length(train.rows.lengths, train.lengths):
        found, counts = found[found > 0], counts[found > 0]  # places mean nothing
    # Among equals the short ones, whose keys are the smallest.
    kept = np.sort(np.lexsort((np.abs(found), -counts))[:most])
    return found[kept], counts[kept]


def _are_of_one_length(lengths: np.ndarray, read: np.ndarray) -> bool:
    """lengths, read: (rows,) how many tokens rows have, and how many of them are read: what is cut has no length."""
    return int(np.bincount(lengths[lengths == read], minlength=1).max()) >= OF_ONE_LENGTH * len(lengths)


def _spelled(keys: np.ndarray, words: Sequence[str]) -> list[str]:
    """The words that n-grams of one token are, "" where they are longer or stand for a place."""
    return [words[key - 1] if 0 < key <= len(words) else "" for key in keys.tolist()]


def _kinds(found: np.ndarray, ngram_order: int) -> Iterator[tuple[str, np.ndarray]]:
    """Which of the n-grams to try together, (known,) bool each, and what these are called."""
    ngrams = found > 0
    name = f"n-grams of up to {ngram_order} tokens"
    if ngrams.any():
        yield name, ngrams
    if not ngrams.all():
        yield "tokens at their places", ~ngrams
        yield f"{name} and tokens at their places", np.ones_like(ngrams)


def _idf(counts: np.ndarray, rows: int) -> np.ndarray:
    """As if there were one more row, with all n-grams (scikit-learn's `smooth_idf`)."""
    return np.log((1 + rows) / (1 + counts)) + 1


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


def _padded(batch: Batch) -> tuple[torch.Tensor, torch.Tensor | None]:
    if isinstance(batch.layout, Packed):
        return batch.layout.padded(batch.token_ids), batch.layout.padding_mask
    return batch.token_ids, batch.layout


def _likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean log probability of the right classes."""
    return float(log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())
