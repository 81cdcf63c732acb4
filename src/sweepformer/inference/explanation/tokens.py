"""The tokens of a text, and where in it each stands."""

from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

from sweepformer.data.encoding import encode
from sweepformer.data.texts import split_pair, split_words
from sweepformer.data.tokenizer import unknown_id
from sweepformer.inference.explanation.words import Span, words_in


class Tokens(NamedTuple):
    """ids: (tokens,) int64, those that `data.encoding.encode` gives; spans: what each stands for in the text, (0, 0)
    if nothing; words: where the text's words stand.
    """

    ids: np.ndarray
    spans: list[Span]
    words: list[Span]


def tokens_of(tokenizer: Tokenizer, written: str, pairs: bool, tagged: bool) -> Tokens:
    """The tokens of a text that is written as `data.texts` does. pairs: it is two texts; tagged: words."""
    if tagged:
        return _of_words(tokenizer, written)
    first, second = split_pair(written)
    found = tokenizer.encode(first, second) if pairs else tokenizer.encode(written)
    begins = {0: 0, 1: len(first) + 1}
    spans = [
        (0, 0) if which is None or special else (begins[which] + start, begins[which] + end)
        for (start, end), which, special in zip(
            found.offsets, found.sequence_ids, found.special_tokens_mask, strict=True
        )
    ]
    words = words_in(written, [start for start, end in spans if end > start])
    if not found.ids:  # nothing but what normalisation removes
        return Tokens(np.array([unknown_id(tokenizer) or 0]), [(0, 0)], words)
    return Tokens(np.array(found.ids), spans, words)


def _of_words(tokenizer: Tokenizer, written: str) -> Tokens:
    """Every token stands for all of its word."""
    (encoded,) = encode(tokenizer, [written], words=True)
    assert encoded.word_of is not None
    words = word_spans(written)
    return Tokens(encoded.tokens, [words[word] if word >= 0 else (0, 0) for word in encoded.word_of], words)


def word_spans(written: str) -> list[Span]:
    """Where the words stand that `data.texts.join_words` joined."""
    spans, start = [], 0
    for word in split_words(written):
        spans.append((start, start + len(word)))
        start += len(word) + 1
    return spans
