"""The spans of words (names, slots) that predicted tags mark."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sweepformer.data.texts import split_words


class Span(NamedTuple):
    """Some words of a text. type: of the span; start, end: its first word, and the one after its last, from 0."""

    type: str
    start: int
    end: int


def mark_spans(classes: Sequence[str]) -> bool:
    """Whether tags are those of spans."""
    from sweepformer.data.spans import scheme_of  # what it needs loads slowly

    return scheme_of(classes) is not None


def spans_in(tags: Sequence[str | None]) -> list[Span]:
    """The spans that the tags of a text's words mark; None: no answer, and in no span."""
    from sweepformer.data.spans import OUTSIDE, spans_of

    mentions = spans_of([tag or OUTSIDE for tag in tags])
    return [Span(mention.type, mention.span.start, mention.span.end) for mention in mentions]


def described_spans(tags: Sequence[str | None], text: str) -> list[dict[str, Any]]:
    """The spans of a row by `type`, `start`, `end` (words, from 0) and `text`. text: as `Predictor.texts` wrote it."""
    words = split_words(text)
    return [{**span._asdict(), "text": " ".join(words[span.start : span.end])} for span in spans_in(tags)]
