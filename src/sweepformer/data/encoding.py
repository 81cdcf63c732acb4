"""Texts to token ids, a chunk at a time on all cores."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
from tokenizers import Encoding, Tokenizer

from sweepformer.data.texts import in_chunks, split_pair, split_words
from sweepformer.data.tokenizer import unknown_id

NO_TAG = -1


def further_piece(tags: Any) -> Any:
    """How the tags (0 and up) of a word's second and later tokens are written, and back again; below NO_TAG."""
    return -2 - tags


@dataclass(frozen=True)
class Encoded:
    """Some rows.

    tokens: (total,) int64, one row after the other; lengths: (rows,) int64 tokens a row; word_of: (total,) int64, the
    word that each token belongs to, counted through all rows, or -1; words: how many there are. Without words,
    `word_of` is None.
    """

    tokens: np.ndarray
    lengths: np.ndarray
    word_of: np.ndarray | None = None
    words: int = 0

    def tags(self, of_words: np.ndarray) -> np.ndarray:
        """(total,) int64 tags of tokens from those of words, (words,) int64."""
        assert self.word_of is not None
        word_of = self.word_of
        begins = np.ones(len(word_of), dtype=bool)
        begins[1:] = word_of[1:] != word_of[:-1]
        tags = of_words[word_of]
        return np.where(word_of < 0, NO_TAG, np.where(begins, tags, further_piece(tags)))


def encode(tokenizer: Tokenizer, texts: Iterable[str], pairs: bool = False, words: bool = False) -> Iterator[Encoded]:
    """The tokens of texts, chunk by chunk: all cores encode the next while one sorts out the last.

    pairs: each text is two, as `join_pair` joins them; words: each text is words, as `join_words` joins them.
    """
    prepare: Callable[[str], Any] | None = split_words if words else split_pair if pairs else None
    # Words need to be known by their number, of which the fast way doesn't keep count.
    batch = tokenizer.encode_batch if words else tokenizer.encode_batch_fast
    unknown = unknown_id(tokenizer) or 0

    def encodings(chunk: list[str]) -> list[Encoding]:
        return batch(list(map(prepare, chunk)) if prepare else chunk, is_pretokenized=words)

    def encoded(chunk: list[str], found: list[Encoding]) -> Encoded:
        if words:
            return _of_words(chunk, found, unknown)
        # A text of nothing but characters that normalisation removes still needs a token to stand for it.
        ids = [encoding.ids or [unknown] for encoding in found]
        lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
        return Encoded(np.fromiter(chain.from_iterable(ids), dtype=np.int64, count=int(lengths.sum())), lengths)

    chunks = in_chunks(texts)
    first = list(islice(chunks, 2))
    if len(first) < 2:
        for few in first:  # which take less time than a thread
            yield encoded(few, encodings(few))
        return
    with ThreadPoolExecutor(1) as encoder:
        earlier: tuple[list[str], Future[list[Encoding]]] | None = None
        for chunk in chain(first, chunks, [None]):
            later = (chunk, encoder.submit(encodings, chunk)) if chunk else None
            if earlier:
                yield encoded(earlier[0], earlier[1].result())
            earlier = later


def _of_words(texts: list[str], found: list[Encoding], unknown: int) -> Encoded:
    tokens: list[int] = []
    word_of: list[int] = []
    lengths, first = [], 0
    for text, encoding in zip(texts, found, strict=True):
        words, began, expected = len(split_words(text)), len(tokens), 0
        for token, word in zip(encoding.ids, encoding.word_ids, strict=True):
            while word is not None and expected < word:  # a word that normalisation removes needs a token all the same
                tokens.append(unknown)
                word_of.append(first + expected)
                expected += 1
            tokens.append(token)
            word_of.append(-1 if word is None else first + word)
            expected = expected if word is None else word + 1
        missing = range(expected, words)
        tokens += [unknown] * len(missing)
        word_of += [first + word for word in missing]
        lengths.append(len(tokens) - began)
        first += words
    return Encoded(np.array(tokens), np.array(lengths), np.array(word_of), first)
