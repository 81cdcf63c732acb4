"""Explanations as one HTML page that needs nothing else, and runs nothing."""

import html
from collections.abc import Iterable
from importlib.resources import files
from string import Template

from sweepformer.inference.explanation.colours import tint
from sweepformer.inference.explanation.explanation import Explanation, Reason, Word
from sweepformer.inference.explanation.wording import (
    asked,
    heading,
    how_exact,
    legend,
    predicted,
    signed,
    strongest,
    sum_line,
    unread_line,
)

WHITE = (255, 255, 255)


def as_page(explained: Iterable[tuple[str, Explanation]], title: str, what_is_read: str = "") -> str:
    """The page.

    Args:
        explained: titles, and what stands under each.
        title: plain text, as are those.
        what_is_read: of texts that are too long, as `Predictor.what_is_read`.
    """
    explained = list(explained)
    page = Template(files("sweepformer.inference.explanation").joinpath("page.html").read_text(encoding="utf-8"))
    is_number = bool(explained) and not explained[0][1].reasons[0].label
    body = "\n".join(_section(name, one, what_is_read) for name, one in explained)
    return page.substitute(
        title=html.escape(title),
        legend=html.escape(legend(is_number)),
        adds=tint(1, 1, WHITE),
        takes=tint(-1, 1, WHITE),
        body=body,
    )


def _section(title: str, explanation: Explanation, what_is_read: str) -> str:
    said = f"{html.escape(asked(explanation))}predicted <b>{html.escape(predicted(explanation))}</b>"
    parts = [f"<h2>{html.escape(title)}</h2>", f"<p>{said}</p>"]
    for reason in explanation.reasons:
        if label := heading(explanation, reason):
            parts.append(f"<h3><bdi>{html.escape(label)}</bdi></h3>")
        parts += [_text(explanation, reason), _table(explanation, reason), _hint(sum_line(reason), how_exact(reason))]
    if unread := unread_line(explanation, what_is_read):
        parts.append(_hint(unread))
    return "<section>\n" + "\n".join(parts) + "\n</section>"


def _text(explanation: Explanation, reason: Reason) -> str:
    """The whole text; `dir=auto` lets the browser find out which way it is written."""
    largest, written, parts = _largest(reason), 0, []
    for number, (word, value) in enumerate(zip(explanation.words, reason.values.tolist(), strict=True)):
        parts.append(html.escape(explanation.text[written : word.start]))
        parts.append(_word(word, value, largest, signed(reason, value), number == explanation.word))
        written = word.end
    parts.append(html.escape(explanation.text[written:]))
    return f"<p class=text dir=auto>{''.join(parts)}</p>"


def _word(word: Word, value: float, largest: float, shown: str, is_asked: bool) -> str:
    text = html.escape(word.text)
    classes = " ".join(name for name, has in (("unread", not word.is_read), ("asked", is_asked)) if has)
    ground = tint(value, largest, WHITE) if word.is_read else None
    style = f' style="background:{ground}"' if ground else ""
    of_class = f' class="{classes}"' if classes else ""
    return f'<span{of_class}{style} title="{shown if word.is_read else "not read"}">{text}</span>'


def _table(explanation: Explanation, reason: Reason) -> str:
    largest = _largest(reason)
    rows = "".join(
        f"<tr><td class=number>{shown}<td class=bar><i style='width:{abs(value) / largest:.0%};"
        f"background:{tint(value, abs(value), WHITE)}'></i><td><bdi>{html.escape(word.text)}</bdi>\n"
        for word, value, shown in strongest(explanation, reason)
    )
    return f"<table>\n{rows}</table>"


def _hint(*sentences: str) -> str:
    return f"<p class=hint>{html.escape('; '.join(sentences))}</p>"


def _largest(reason: Reason) -> float:
    return max(map(abs, reason.values.tolist()), default=0.0)
