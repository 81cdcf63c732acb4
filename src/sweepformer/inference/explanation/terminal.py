"""Explanations for the terminal: the text itself, coloured."""

import unicodedata
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.text import Text

from sweepformer.inference.explanation.explanation import Explanation, Reason
from sweepformer.inference.explanation.wording import (
    asked,
    heading,
    how_exact,
    legend,
    predicted,
    strongest,
    sum_line,
    tint,
    unread_line,
)

PALE = (205, 205, 205)  # as good on a dark ground as on a light one
UNREAD = "dim"


def print_explanations(explained: Iterable[tuple[str, Explanation]], what_is_read: str) -> None:
    """To standard output, with colours if that is a terminal. explained: titles, and what they stand over."""
    console = Console(highlight=False, markup=False, emoji=False)
    for number, (title, one) in enumerate(explained):
        lines = [*(_legend(one) if number == 0 else []), Text(), *_lines(title, one, what_is_read)]
        for line in lines:
            console.print(line, soft_wrap=True)  # the terminal wraps, which knows what is written from right to left


def _legend(explanation: Explanation) -> Iterator[Text]:
    yield Text(legend(is_number=not explanation.reasons[0].label))
    marks = [("adds to it", 1.0), ("takes from it", -1.0)]
    parts = [part for name, value in marks for part in ((name, _style(value, 1.0)), "  ")]
    yield Text.assemble(*parts, ("not read", UNREAD))


def _lines(title: str, explanation: Explanation, what_is_read: str) -> Iterator[Text]:
    yield Text(_printable(title), style="bold")
    for reason in explanation.reasons:
        yield _coloured(explanation, reason)
    yield Text(_printable(f"{asked(explanation)}predicted {predicted(explanation)}"))
    for reason in explanation.reasons:
        yield from _told(explanation, reason)
    if unread := unread_line(explanation, what_is_read):
        yield Text(unread, style=UNREAD)


def _coloured(explanation: Explanation, reason: Reason) -> Text:
    label = heading(explanation, reason)
    text = Text(f"{_printable(label)}: " if label else "")
    first = len(text)
    text.append(_printable(explanation.text))
    largest = reason.largest
    for word, value in zip(explanation.words, reason.values.tolist(), strict=True):
        style = _style(value, largest) if word.is_read else UNREAD
        if style:
            text.stylize(style, first + word.start, first + word.end)
    if explanation.word is not None:
        asked = explanation.words[explanation.word]
        text.stylize("underline", first + asked.start, first + asked.end)
    return text


def _told(explanation: Explanation, reason: Reason) -> Iterator[Text]:
    yield Text(_printable(f"  {sum_line(reason)}"))
    largest = reason.largest
    yield Text("  ") + Text("   ").join(
        Text.assemble((shown, _style(value, largest)), f" {_printable(word.text)}")
        for word, value, shown in strongest(explanation, reason)
    )
    yield Text(f"  {how_exact(reason)}")


def _style(value: float, largest: float) -> str:
    ground = tint(value, largest, PALE)
    return f"black on {ground}" if ground else ""


def _printable(text: str) -> str:
    """Without what a terminal would obey rather than show; as long as it was."""
    return "".join("\ufffd" if unicodedata.category(one) == "Cc" and one not in "\n\t" else one for one in text)
