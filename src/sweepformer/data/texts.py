"""How a row's text is written as one string: a text, two texts, or words that are tagged one by one."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

# ASCII's own separators, which no keyboard writes.
BETWEEN_TEXTS, BETWEEN_WORDS = "\x1e", "\x1f"
_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]"
)  # letters of scripts
CHUNK_ROWS, CHUNK_CHARACTERS = 10_000, 4_000_000  # at most so much is worked on at a time


def join_pair(first: str, second: str) -> str:
    """Two texts as one string."""
    return first.replace(BETWEEN_TEXTS, " ") + BETWEEN_TEXTS + second.replace(BETWEEN_TEXTS, " ")


def split_pair(text: str) -> tuple[str, str]:
    """The two texts that `join_pair` joined."""
    first, _, second = text.partition(BETWEEN_TEXTS)
    return first, second


def join_words(words: Sequence[str]) -> str:
    """Words as one string."""
    return BETWEEN_WORDS.join(word.replace(BETWEEN_WORDS, " ") for word in words)


def split_words(text: str) -> list[str]:
    """The words that `join_words` joined."""
    return text.split(BETWEEN_WORDS)


def readable(texts: Iterable[str]) -> Iterator[str]:
    """The texts with plain white space between their parts."""
    for text in texts:
        yield text.replace(BETWEEN_TEXTS, "\n").replace(BETWEEN_WORDS, " ")


def have_spaces(texts: Iterable[str]) -> bool:
    """Whether most texts, as far as the first thousand tell, are words with spaces between them.

    What spaces part in Chinese, Japanese, Thai, Lao, Burmese and Khmer are clauses.
    """
    some = [text.strip() for text in islice(readable(texts), 1000)]
    of_words = [" " in text and len(_WITHOUT_SPACES.findall(text)) * 2 <= len(text) for text in some]
    return sum(of_words) * 2 > len(some)


def in_chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts, a few thousand at a time, fewer where they are long."""
    chunk, characters = [], 0
    for text in texts:
        chunk.append(text)
        characters += len(text)
        if len(chunk) == CHUNK_ROWS or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
