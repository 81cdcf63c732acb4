"""The words of a text as its reader sees them, its tokens, and what falls to each word of what tokens got."""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby, pairwise
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

from sweepformer.data.encoding import encode
from sweepformer.data.texts import split_pair, split_words
from sweepformer.data.tokenizer import unknown_id

LONGEST = 24  # characters: what is longer (proteins, Chinese, addresses) is cut where the tokenizer cuts it

SPACE, LETTER, MARK = " ", "a", "."

Span = tuple[int, int]  # the first character, and the one after the last


def words_in(text: str, token_starts: Sequence[int]) -> list[Span]:
    """Where the words of a text stand: runs of letters and digits, and runs of other marks, between white space.

    The same whatever the tokenizer, unless they are long. What is drawn as one sign stays in one: accents, the parts
    of an emoji.

    token_starts: where tokens begin.
    """
    words: list[Span] = []
    start = 0
    for kind, run in groupby(_kinds(text)):
        end = start + sum(1 for _ in run)
        if kind != SPACE:
            words += _cut(text, start, end, token_starts) if end - start > LONGEST else [(start, end)]
        start = end
    return words


def _kinds(text: str) -> Iterator[str]:
    kind = SPACE
    for place, character in enumerate(text):
        kind = _kind(character, kind, text[place + 1 : place + 2])
        yield kind


def _kind(character: str, before: str, after: str) -> str:
    """before: the kind of the character before; after: the next one, "" at the end."""
    if character.isspace():
        return SPACE
    if _goes_on(character):
        return LETTER if before == SPACE else before
    if character == "_" or (character in "'’" and before == LETTER and after.isalnum()):  # noqa: RUF001
        return LETTER
    return MARK if unicodedata.category(character)[0] in "PS" else LETTER


def _goes_on(character: str) -> bool:
    """Whether it is no sign of its own: accents and vowel marks, joiners, skin tones."""
    return unicodedata.category(character) in ("Mn", "Mc", "Me", "Cc", "Cf", "Sk") and character not in "^`"


def _cut(text: str, start: int, end: int, token_starts: Sequence[int]) -> list[Span]:
    inner = {one for one in token_starts if start < one < end}
    edges = [one for one in sorted(inner) if not _goes_on(text[one]) and unicodedata.category(text[one - 1]) != "Cf"]
    return list(pairwise([start, *edges, end]))


def of_words(values: np.ndarray, spans: Sequence[Span], words: Sequence[Span], length: int) -> tuple[np.ndarray, float]:
    """What words get, and what is left for none: of each token's value every character that it stands for as much.

    values: (tokens,) float64; spans: of tokens, (0, 0) of those that stand for nothing in the text; length: of the
    text. Returns (words,) float64 and the rest, which together sum up to all values.
    """
    owner, before = np.full(length, -1), 0  # of characters: white space counts with the word after it
    for number, (_, end) in enumerate(words):
        owner[before:end] = number
        before = end
    found = np.zeros(len(words) + 1)  # the last is nobody's
    for value, (start, end) in zip(values, spans, strict=True):
        whose = owner[start:end] if end > start else [-1]
        np.add.at(found, whose, value / len(whose))
    return found[:-1], float(found[-1])


def are_read(read: np.ndarray, spans: Sequence[Span], words: Sequence[Span], length: int) -> list[bool]:
    """Which words were read, if only a part of them; read: (tokens,) bool. Those that became no token count as read."""
    some, known = np.zeros(length, dtype=bool), np.zeros(length, dtype=bool)
    for was_read, (start, end) in zip(read, spans, strict=True):
        known[start:end] = True
        some[start:end] |= was_read
    return [bool(some[start:end].any() or not known[start:end].any()) for start, end in words]


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
    """Every token stands for all of its word, and words are apart by one character, as `data.texts.join_words` does."""
    (encoded,) = encode(tokenizer, [written], words=True)
    assert encoded.word_of is not None
    ends = list(accumulate(len(word) + 1 for word in split_words(written)))
    words = [(start, end - 1) for start, end in pairwise([0, *ends])]
    return Tokens(encoded.tokens, [words[word] if word >= 0 else (0, 0) for word in encoded.word_of], words)
