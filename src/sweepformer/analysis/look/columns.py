"""Which columns hold the text and its label, and what task that makes: by their names, or by what stands in them."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweepformer.config.kinds import LabelKind
from sweepformer.data.cells import is_blank, spelled
from sweepformer.errors import UserError, hint, listed

# The surer ones first, in small letters; of columns inside an object the last part of the name counts.
_TEXTS = """text texts tokens words word sentence sentence1 premise question question1 text1 text_a utterance query
review review_text tweet comment comment_text body message sms document content sequence seq headline abstract"""
_LABELS = """label labels class classes category categories target sentiment topic intent ner_tags tags tag pos_tags pos
upos emotion genre rating stars score y"""
TEXTS, LABELS = _TEXTS.split(), _LABELS.split()
PAIRS = {"sentence1": "sentence2", "premise": "hypothesis", "question1": "question2", "text1": "text2"}
PAIRS |= {"text_a": "text_b", "question": "sentence"}
SENTENCE = re.compile(r"sent(ence)?([ _]?(#|id|idx|no|num|number))|sentence #", re.IGNORECASE)
SEPARATORS = ",;|"
MOST_CLASSES = 20  # of whole numbers, beyond which they are taken for quantities unless they count classes through
EXAMPLES, SHOWN = 3, 40
KINDS = {  # of labels, by task
    "classification": LabelKind.CLASS,
    "multilabel": LabelKind.CLASSES,
    "regression": LabelKind.NUMBER,
    "tagging": LabelKind.TAGS,
    "masked_lm": LabelKind.NOTHING,
}


@dataclass(frozen=True)
class Column:
    """What some rows hold in a column. kind: "text", "number", "list", ...; blank: rows without a value; length: mean
    characters; distinct: different values.
    """

    name: str
    kind: str
    examples: list[str]
    distinct: int
    filled: int
    blank: int
    length: float


@dataclass(frozen=True)
class Chosen:
    """What is taken for what. label: several columns are a class each; None: there is none; why: in words."""

    text: str
    label: str | tuple[str, ...] | None
    task: str
    why: list[str]
    pair: str | None = None
    sentence: str | None = None
    separator: str = ","

    @property
    def kind(self) -> LabelKind:
        """What rows are labelled with."""
        return KINDS[self.task]

    def role(self, column: str) -> str:
        """What a column is taken for."""
        labels = (self.label,) if isinstance(self.label, str) else self.label or ()
        roles = {self.text: "text", self.pair: "second text", self.sentence: "sentence"}
        return "label" if column in labels else roles.get(column, "")


def profile(name: str, values: Sequence[Any]) -> Column:
    """A column by the values of some rows."""
    filled = [value for value in values if not is_blank(value)]
    kind = Counter(map(_kind, filled)).most_common(1)[0][0] if filled else "blank"
    written = Counter(" ".join(map(str, value)) if isinstance(value, list) else str(value) for value in filled)
    examples = [" ".join(one.split()) for one in list(written)[:EXAMPLES]]
    examples = [one if len(one) <= SHOWN else one[: SHOWN - 1] + "…" for one in examples]
    length = sum(len(one) * count for one, count in written.items()) / max(len(filled), 1)
    return Column(name, kind, examples, len(written), len(filled), len(values) - len(filled), length)


def choose(values: Mapping[str, Sequence[Any]], text: str | None = None, label: str | None = None) -> Chosen:
    """What to take for what.

    Args:
        values: of some rows, by column.
        text, label: columns that are given.

    Raises:
        UserError: there is no such column, or none that holds texts.
    """
    columns = {name: profile(name, some) for name, some in values.items()}
    for option, asked in (("text", [text] if text else []), ("label", _asked(label, columns) if label else [])):
        for name in asked:
            if name not in columns:
                advice = hint(name, columns, f"--{option}-column ")
                raise UserError(
                    f"--{option}-column {name}: there is no such column. It has: {listed(columns)}.{advice}"
                )
    found, why_text = (columns[text], "as asked") if text else _text(columns)
    pair = next((name for name in columns if _plain(name) == PAIRS.get(_plain(found.name))), None)
    sentence = next((name for name in columns if SENTENCE.fullmatch(name) and name != found.name), None)
    sentence = sentence if _plain(found.name) in ("word", "token", "words", "tokens") else None
    rest = [one for name, one in columns.items() if name not in (found.name, pair, sentence) and one.filled]
    chosen, why_label = _label(rest)
    if label:
        asked, why_label = _asked(label, columns), "as asked"
        chosen = asked[0] if len(asked) == 1 else tuple(asked)
    task, separator, why_task = _task(values, found.name, chosen, sentence)
    names = listed(chosen) if isinstance(chosen, tuple) else chosen
    why = [
        f"text: column {found.name!r} ({why_text})",
        f"label: {f'column {names!r}' if names else 'none'} ({why_label})",
    ]
    return Chosen(found.name, chosen, task, [*why, f"task: {task} ({why_task})"], pair, sentence, separator)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true/false"
    if isinstance(value, dict | list):
        return "list" if isinstance(value, list) else "object"
    return "text" if _number(value) is None else "number"


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _plain(name: str) -> str:
    return name.rpartition(".")[2].strip().lower()


def _asked(label: str, columns: Mapping[str, Column]) -> list[str]:
    """One column, or several with commas between."""
    return [label] if label in columns else [part.strip() for part in label.split(",")]


def _text(columns: Mapping[str, Column]) -> tuple[Column, str]:
    usable = [one for one in columns.values() if one.kind in ("text", "list")]
    for wanted in TEXTS:
        for one in usable:
            if _plain(one.name) == wanted and (one.kind == "text" or wanted in ("tokens", "words", "text")):
                return one, "its name"
    strings = [one for one in usable if one.kind == "text" and one.distinct > min(one.filled, 2) / 2]
    if not strings:
        raise UserError(f"no column holds texts: name one with --text-column. There are: {listed(columns)}.")
    return max(strings, key=lambda one: one.length), "the longest strings"


def _label(rest: Sequence[Column]) -> tuple[str | tuple[str, ...] | None, str]:
    named = [one for wanted in LABELS for one in rest if _plain(one.name) == wanted and one.kind != "object"]
    named += [one for one in rest if _plain(one.name).endswith(("label", "_class", "_category"))]
    if named:
        return named[0].name, "its name"
    flags = [one.name for one in rest if one.distinct <= 2 and {spelled(x) for x in one.examples} <= _FLAGS]
    if len(flags) > 1:
        return tuple(flags), "columns of 0 and 1, a class each"
    few = [one for one in rest if 2 <= one.distinct <= one.filled / 2 and one.kind != "object"]
    amounts = [one.name for one in rest if one.kind == "number" and any((_number(x) or 0) % 1 for x in one.examples)]
    if not few and amounts:
        return amounts[-1], "numbers that are not whole"
    if not few:
        return None, "no column has a usual name, or few distinct values that repeat"
    best = min(reversed(few), key=lambda one: one.distinct)
    others = f"; so have {listed(one.name for one in few if one is not best)}" if len(few) > 1 else ""
    return best.name, f"{best.distinct} distinct values that repeat{others}"


_FLAGS = {"0", "1", "true", "false"}


def _task(
    values: Mapping[str, Sequence[Any]], text: str, label: str | tuple[str, ...] | None, sentence: str | None
) -> tuple[str, str, str]:
    """A task, what separates labels in it, and why."""
    if label is None:
        return "masked_lm", ",", "texts alone"
    if isinstance(label, tuple):
        return "multilabel", ",", "any number of classes a row"
    filled = [value for value in values[label] if not is_blank(value)]
    if sentence is not None:
        return "tagging", ",", "a tag for every word, a word a row"
    if any(isinstance(value, list) for value in filled):
        if any(isinstance(value, list) for value in values[text]):
            return "tagging", ",", "a tag for every word"
        return "multilabel", ",", "lists of classes"
    for separator in SEPARATORS:
        if _is_cut_by(separator, [str(value) for value in filled]):
            return "multilabel", separator, f"classes separated by {separator!r}"
    numbers = [number for value in filled if (number := _number(value)) is not None and not isinstance(value, bool)]
    if filled and len(numbers) == len(filled) and _are_quantities(set(numbers)):
        return "regression", ",", "a number a row"
    return "classification", ",", "a class a row"


def _is_cut_by(separator: str, labels: Sequence[str]) -> bool:
    """Whether labels are several classes: the parts are fewer than what they are put together to."""
    whole = {label for label in labels if separator in label}
    parts = {part.strip() for label in labels for part in label.split(separator)}
    several = sum(separator in label for label in labels)
    return several * 20 >= len(labels) and len(whole) > 1 and len(parts) < len(set(labels))


def _are_quantities(numbers: set[float]) -> bool:
    if any(number % 1 for number in numbers):
        return True
    return len(numbers) > MOST_CLASSES and max(numbers) - min(numbers) + 1 > 2 * len(numbers)
