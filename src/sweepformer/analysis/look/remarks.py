"""What there is to know beside the tables, and the command that trains."""

import re
from collections.abc import Iterator
from typing import Any

from sweepformer.analysis.look.findings import Findings, Split
from sweepformer.analysis.look.near import MOST_HELD_OUT, MOST_TRAIN, THRESHOLD
from sweepformer.data.texts import readable
from sweepformer.errors import listed
from sweepformer.screen.command_line import command_line, quoted
from sweepformer.screen.tables import CONTROL

CELL = 60  # characters that are shown of a text
PLAIN = re.compile(r"[\w./-]+")
KEYWORDS = ("null", "true", "false", "none", "yes", "no", "on", "off", "nan", "inf")


def command(found: Findings) -> str:
    """What to type next."""
    overrides = [] if found.chosen.task == "classification" else [f"task={found.chosen.task}"]
    overrides.append(f"data={found.given.data}")
    overrides += [f"{key}={_value(value)}" for key, value in found.given.keys.items()]
    if found.given.data in ("files", "hub"):
        chosen = found.chosen
        label = chosen.label if isinstance(chosen.label, str) else None
        named = {"text": chosen.text, "pair": chosen.pair, "label": label, "sentence": chosen.sentence}
        overrides += [f"data.{role}_column={_value(name)}" for role, name in named.items() if name is not None]
        if isinstance(chosen.label, tuple):
            overrides.append(f"data.label_column=[{','.join(map(_value, chosen.label))}]")
        if chosen.separator != ",":
            overrides.append(f"data.label_separator={_value(chosen.separator)}")
    if any(split.blank.total() for split in found.splits):
        overrides.append("data.blank=drop")
    if found.rare:
        overrides.append("data.rare_classes=train")
    return command_line("run", *overrides)


def _value(value: str) -> str:
    is_plain = PLAIN.fullmatch(value) and (value.lower() not in KEYWORDS or value in ("true", "false"))
    return value if is_plain else quoted(value)


def before(found: Findings) -> str:
    """What to do with the command."""
    if any(split.broken for split in found.splits):
        return "Correct the broken rows first, and then type"
    if found.kind.has_classes and len(found.train.classes) < 2:
        return "At least two classes are needed (is it another --label-column?); then type"
    if found.rare and len(found.rare) == len(found.train.classes):
        return "No class has enough rows (is it another --label-column?); then type"
    return "Next, type"


def notes(found: Findings) -> list[str]:
    """What there is to know beside the tables."""
    return [*found.chosen.why, *found.given.notes, *_about_labels(found), *_about_texts(found), *_about_rows(found)]


def _about_labels(found: Findings) -> Iterator[str]:
    if found.train.numbers:
        yield f"labels: from {found.train.numbers[0]:g} to {found.train.numbers[1]:g}"
    for one in found.variants:
        spelled = ", ".join(f"{label!r} ({count:,})" for label, count in one)
        if len({label.strip() for label, _ in one}) == 1:
            yield f"labels that differ by outer spaces: {spelled}; they are one class"
        else:
            yield f"labels that differ by case or outer spaces: {spelled}; by case they are different classes"
    if found.rare:
        named = listed((f"{name!r} ({count})" for name, count in found.rare.items()), 8)
        yield (
            f"too few different texts to be in every split: {many(len(found.rare), 'class', 'classes')}, {named}; "
            "data.rare_classes=train keeps them in train, drop leaves them out"
        )
    for split in found.splits[1:]:
        if unseen := [name for name in split.classes if name not in found.train.classes]:
            yield f"not in train: {many(len(unseen), 'label')} of {split.split}, {listed(map(repr, unseen), 8)}"
    for text, first, other in found.conflicts:
        yield f"same text, other label: {short(text)!r} is {short(first)!r} and {short(other)!r}"


def _about_texts(found: Findings) -> Iterator[str]:
    if letters := found.scripts.total():
        shares = [f"{name} {share(count / letters)}" for name, count in found.scripts.most_common(5)]
        yield f"scripts, of all letters: {', '.join(shares)}"
    if dropped := found.train.repeats + found.train.conflicts:
        yield f"repeats of a text in train: {many(dropped)}; the first is kept (data.drop_duplicates=none keeps all)"
    for split in found.splits[1:]:
        if split.in_train:
            other = f", {split.otherwise_in_train:,} with another label" if split.otherwise_in_train else ""
            yield (
                f"{split.in_train:,} of {split.usable:,} rows of {split.split} have a text that stands in train "
                f"too{other}: what is measured on them is flattered (data.drop_duplicates=all drops them from train)"
            )
    if len(found.splits) > 1:
        limits = f"; of the first {MOST_TRAIN:,} rows of train and {MOST_HELD_OUT:,} of the rest"
        yield (
            f"nearly in train: at least {THRESHOLD:.0%} of two texts' character 5-grams are shared (Jaccard, by "
            f"MinHash){'' if found.compared else limits}"
        )
    for pair in found.pairs:
        first, other = short(pair.train), short(pair.other)
        yield f"near-duplicates ({pair.similarity:.0%}): {first!r} in train, {other!r} in {pair.split}"


def _about_rows(found: Findings) -> Iterator[str]:
    for split in found.splits:
        yield from split.broken
        if split.blank.total():
            yield f"{split.name}: {_blank(split)}; data.blank=drop leaves them out"


def _blank(split: Split) -> str:
    return ", ".join(
        many(count, *("blank word", "blank words") if "words" in what else (f"row {what}", f"rows {what}"))
        for what, count in split.blank.items()
        if count
    )


def short(value: Any) -> str:
    """A value in one line, without commands to the terminal."""
    if isinstance(value, list):
        value = " ".join(map(str, value))
    text = "" if value is None else " ".join(next(readable([str(value)])).split())
    text = CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    return text if len(text) <= CELL else text[: CELL - 1] + "…"


def share(value: float) -> str:
    """In percent."""
    return f"{value:.1%}" if value >= 0.0005 or not value else "<0.1%"


def many(count: int, one: str = "row", several: str = "") -> str:
    """ "1 row", "2 rows"."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"
