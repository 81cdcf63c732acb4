"""Explanations as one HTML page that needs nothing else, and runs nothing."""

from collections.abc import Iterable, Iterator
from functools import partial

from sweepformer.files.templates import render
from sweepformer.inference.explanation import terminal
from sweepformer.inference.explanation.explainer import Explanation, Reason

tint_on_white = partial(terminal.tint, pale=(255, 255, 255))


def as_page(explained: Iterable[tuple[str, Explanation]], title: str, what_is_read: str = "") -> str:
    """The page. explained: titles, and what stands under each; title: plain text, as are those; what_is_read: of texts
    that are too long, as `Predictor.what_is_read`.
    """
    explained = list(explained)
    is_number = bool(explained) and not explained[0][1].reasons[0].label
    return render(
        "inference/explanation/page.html",
        explained=explained,
        title=title,
        what_is_read=what_is_read,
        legend=terminal.legend(is_number),
        adds=tint_on_white(1, 1),
        takes=tint_on_white(-1, 1),
        said=terminal,
        pieces=_pieces,
        share=lambda reason, value: f"{abs(value) / reason.largest:.0%}",
        tint=tint_on_white,
    )


def _pieces(explanation: Explanation, reason: Reason) -> Iterator[tuple[str, str, str, str | None, str]]:
    """Each word with what stands before it; its classes, its background and what is said when it is pointed at."""
    largest, written = reason.largest, 0
    for number, (word, value) in enumerate(zip(explanation.words, reason.values.tolist(), strict=True)):
        before, written = explanation.text[written : word.start], word.end
        classes = {"unread": not word.is_read, "asked": number == explanation.word}
        ground, shown = tint_on_white(value, largest), terminal.signed(reason, value)
        told = (ground, shown) if word.is_read else (None, "not read")
        yield before, word.text, " ".join(name for name, has in classes.items() if has), *told
