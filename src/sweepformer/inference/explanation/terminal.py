"""Explanations for the terminal: the text itself, coloured, and what is said of it there and on the page."""

import math
import unicodedata
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.text import Text

from sweepformer.inference.explanation.attributions import CLOSE_ENOUGH
from sweepformer.inference.explanation.explainer import Explanation, Reason, Word

FOR, AGAINST = (86, 180, 233), (230, 159, 0)  # sky blue, orange: black letters can be read on both
PALE = (205, 205, 205)  # as good on a dark ground as on a light one
UNREAD = "dim"
FAINTEST = 0.03  # of the largest value: less has no colour
FAINT = 0.01  # of the largest value: less is not listed
MOST_WORDS = 10  # that are listed with their values

Colour = tuple[int, int, int]


def print_explanations(explained: Iterable[tuple[str, Explanation]], what_is_read: str) -> None:
    """To standard output, with colours if that is a terminal. explained: titles, and what they stand over."""
    console = Console(highlight=False, markup=False, emoji=False)
    for number, (title, one) in enumerate(explained):
        for line in (*(_legend(one) if number == 0 else []), Text(), *_lines(title, one, what_is_read)):
            console.print(line, soft_wrap=True)  # the terminal wraps, which knows what is written from right to left


def _legend(explanation: Explanation) -> Iterator[Text]:
    yield Text(legend(is_number=not explanation.reasons[0].label))
    adds, takes = ("adds to it", _style(1.0, 1.0)), ("takes from it", _style(-1.0, 1.0))
    yield Text.assemble(adds, "  ", takes, "  ", ("not read", UNREAD))


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


def tint(value: float, largest: float, pale: Colour) -> str | None:
    """The background of a word as #rrggbb; None: it has none. pale: the colour next to nothing."""
    if not largest > 0 or abs(value) < FAINTEST * largest:
        return None
    full, share = FOR if value > 0 else AGAINST, min(abs(value) / largest, 1.0)
    return "#" + "".join(f"{round(low + share * (high - low)):02x}" for low, high in zip(pale, full, strict=True))


def legend(is_number: bool) -> str:
    """What the values are."""
    if is_number:
        return "What words add to the number, in its unit, rather than others in their place."
    return "What words add to the log odds of the answer that is explained, log(p / (1 - p)): 0 is even, 3 is p = 0.95."


def asked(explanation: Explanation) -> str:
    """Which word is answered for; "" where whole texts are."""
    if explanation.word is None:
        return ""
    return f"word {explanation.word}, {explanation.words[explanation.word].text}: "


def predicted(explanation: Explanation) -> str:
    """What the run predicts, with its probabilities."""
    if explanation.probabilities:
        return ", ".join(f"{name} ({share:.3f})" for name, share in explanation.probabilities.items())
    return f"{explanation.prediction:.6g}" if isinstance(explanation.prediction, float) else "none of the labels"


def heading(explanation: Explanation, reason: Reason) -> str:
    """The label that is explained, where that is not plain: of several, or of one that was not predicted."""
    is_plain = len(explanation.reasons) == 1 and reason.label in ("", *explanation.probabilities)
    return "" if is_plain else reason.label


def sum_line(reason: Reason) -> str:
    """From nothing to the answer, as a sum."""
    digits = _digits(reason)
    words = float(reason.values.sum())
    parts = [f"{reason.before:.{digits}f} with {reason.compared_with}", f"{words:+.{digits}f} by words"]
    if reason.elsewhere:
        parts.append(f"{reason.elsewhere:+.{digits}f} by tokens that are no words")
    of = f"log odds of {reason.label}" if reason.label else "the number"
    is_probability = "" if reason.probability is None else f", probability {reason.probability:.3f}"
    return f"{of}: {', '.join(parts)}: {reason.after:.{digits}f}{is_probability}"


def how_exact(reason: Reason) -> str:
    """Whether the values sum up to what they should."""
    if reason.missing <= CLOSE_ENOUGH:
        return f"the sum is off by {reason.missing:.1%} ({reason.steps} steps)"
    return f"NOT EXACT: the sum is off by {reason.missing:.0%} even with {reason.steps} steps: take values as rough"


def unread_line(explanation: Explanation, what_is_read: str) -> str:
    """Of a text that is too long; "" of others. what_is_read: as `Predictor.what_is_read`."""
    if not explanation.unread:
        return ""
    return (
        f"{explanation.unread:,} of {explanation.tokens:,} tokens were not read and are grey: of texts that are too "
        f"long {what_is_read}"
    )


def strongest(explanation: Explanation, reason: Reason) -> list[tuple[Word, float, str]]:
    """The words that add or take away most, with their values, also as text; the strongest first."""
    of_words = zip(explanation.words, reason.values.tolist(), strict=True)
    listed = sorted(of_words, key=lambda one: -abs(one[1]))[:MOST_WORDS]
    least = reason.largest * FAINT
    return [(word, value, signed(reason, value)) for word, value in listed if abs(value) > least]


def signed(reason: Reason, value: float) -> str:
    """A value of it as text."""
    return f"{value:+.{_digits(reason)}f}"


def _digits(reason: Reason) -> int:
    """Behind the point: three that count of the largest value."""
    if not 0 < reason.largest < math.inf:
        return 2
    return min(max(2 - math.floor(math.log10(reason.largest)), 0), 8)
