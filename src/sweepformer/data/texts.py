"""How a row's text is written as one string: a text, two texts, or words that are tagged one by one."""

from collections.abc import Iterable, Iterator, Sequence

# ASCII's own separators, which no keyboard writes.
BETWEEN_TEXTS, BETWEEN_WORDS = "\x1e", "\x1f"


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
