"""What was found, for the terminal and as a page; and the command that trains on it."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import yaml

from sweepformer.analysis.look.findings import Findings, Split
from sweepformer.analysis.look.near import MOST_HELD_OUT, MOST_TRAIN, THRESHOLD
from sweepformer.config.presets import CONF
from sweepformer.data.texts import readable
from sweepformer.errors import listed
from sweepformer.files.templates import render
from sweepformer.screen.command_line import command_line, quoted
from sweepformer.screen.tables import CONTROL, table_text, wrapped

SHOWN, CELL = 20, 60  # classes on the screen, characters of a cell
PLAIN = re.compile(r"[\w./-]+")
KEYWORDS = ("null", "true", "false", "none", "yes", "no", "on", "off", "nan", "inf")


class Table(NamedTuple):
    """As `table_text` takes it."""

    title: str
    columns: list[str]
    rows: list[list[str]]


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


def as_text(found: Findings) -> str:
    """Tables, what was found, and the command."""
    parts = [table_text(*table, tight=True) for table in tables(found, SHOWN) if table.rows]
    lines = [wrapped(CONTROL.sub("\N{REPLACEMENT CHARACTER}", line)) for line in notes(found)]
    return (
        "\n\n".join(
            ["\n".join(map(wrapped, forms(found))), *parts, "\n".join(lines), f"{before(found)}:\n  {command(found)}"]
        )
        + "\n"
    )


def as_page(found: Findings) -> str:
    """One page of HTML that needs nothing else."""
    return render(
        "analysis/look/page.html",
        forms=forms(found),
        tables=[table for table in tables(found, 1000) if table.rows],
        notes=notes(found),
        before=before(found),
        command=command(found),
    )


def before(found: Findings) -> str:
    """What to do with the command."""
    if any(split.broken for split in found.splits):
        return "Correct the broken rows first, and then type"
    if found.kind.has_classes and len(found.train.classes) < 2:
        return "At least two classes are needed (is it another --label-column?); then type"
    return "Next, type"


def tables(found: Findings, most: int) -> list[Table]:
    """All of them; some may have no rows. most: classes that are listed."""
    return [_rows(found), _columns(found), _classes(found, most), _lengths(found), _first(found)]


def forms(found: Findings) -> list[str]:
    """How each file is read."""
    return [f"{one.split}: {one.name} ({one.form})" for one in found.splits]


def _rows(found: Findings) -> Table:
    heads, rows = ["split", "rows", "broken", "blank", "repeats", "same text, other label"], []
    for one in found.splits:
        rows.append([one.split, *_counts(one.rows, one.refused, one.blank.total(), one.repeats, one.conflicts)])
        if len(found.splits) > 1:
            rows[-1] += ["", ""] if one is found.train else _counts(one.in_train, one.near_train)
    return Table("Rows", heads + (["in train too", "nearly in train"] if len(found.splits) > 1 else []), rows)


def _counts(*counts: int) -> list[str]:
    return [f"{count:,}" for count in counts]


def _columns(found: Findings) -> Table:
    rows = [
        [
            _short(one.name),
            found.chosen.role(one.name),
            one.kind,
            *_counts(one.distinct, one.blank),
            " | ".join(one.examples),
        ]
        for one in found.columns
    ]
    known_by = found.columns[0].filled + found.columns[0].blank
    return Table(
        f"Columns, by {_many(known_by)}", ["column", "taken for", "holds", "distinct", "blank", "examples"], rows
    )


def _classes(found: Findings, most: int) -> Table:
    every: Counter[str] = sum((one.classes for one in found.splits), Counter())
    what, total = ("words", found.train.classes.total()) if found.kind.is_of_words else ("rows", found.train.usable)
    rows = []
    for name, _ in every.most_common(most):
        counts = [one.classes[name] for one in found.splits]
        told = "too few to be in every split" if name in found.rare else "" if counts[0] else "not in train"
        rows.append([_short(name), *_counts(*counts), _share(counts[0] / max(total, 1)), told])
    heads = ["label", *(one.split for one in found.splits), "of train", ""]
    if not any(row[-1] for row in rows):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    if len(every) > most:
        rows.append([f"and {len(every) - most:,} more", *[""] * (len(heads) - 1)])
    return Table(f"{len(every):,} {'tags' if found.kind.is_of_words else 'classes'}, {what} of each", heads, rows)


def _lengths(found: Findings) -> Table:
    longest = max_length()
    rows = []
    for one in (split for split in found.splits if split.lengths):
        lengths = np.array(sorted(one.lengths))
        up_to = np.cumsum([one.lengths[length] for length in lengths.tolist()])
        at = [int(lengths[np.searchsorted(up_to, share * up_to[-1])]) for share in (0, 0.5, 0.95)]
        beyond = sum(count for length, count in one.lengths.items() if length > longest) / one.usable
        rows.append([one.split, *_counts(*at, int(lengths[-1])), _share(beyond)])
    of = "words and punctuation marks" if found.spaced else "characters, as there are no spaces"
    of = "words" if found.kind.is_of_words else of
    heads = ["split", "shortest", "median", "95 % up to", "longest", f"beyond {longest} (model.max_length)"]
    return Table(f"Lengths in {of}", heads, rows)


def max_length() -> int:
    """Tokens that the default model reads of a row."""
    defaults = yaml.safe_load((CONF / "config.yaml").read_text())["defaults"]
    model = next(one["model"] for one in defaults if isinstance(one, dict) and "model" in one)
    return int(yaml.safe_load((CONF / "model" / f"{model}.yaml").read_text())["max_length"])


def _first(found: Findings) -> Table:
    names = [one.name for one in found.columns if one.kind != "object"]
    roles = sorted(names, key=lambda name: not found.chosen.role(name))[:6]  # what is used is shown first
    rows = [[one.where, *(_short(one.fields.get(name)) for name in roles)] for one in found.first]
    return Table(f"The first rows of {found.train.name}", ["", *map(_short, roles)], rows)


def _short(value: Any) -> str:
    if isinstance(value, list):
        value = " ".join(map(str, value))
    text = "" if value is None else " ".join(next(readable([str(value)])).split())
    return text if len(text) <= CELL else text[: CELL - 1] + "…"


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
            f"too few different texts to be in every split: {_many(len(found.rare), 'class', 'classes')}, {named}; "
            "data.rare_classes=train keeps them in train, drop leaves them out"
        )
    for split in found.splits[1:]:
        if unseen := [name for name in split.classes if name not in found.train.classes]:
            yield f"not in train: {_many(len(unseen), 'label')} of {split.split}, {listed(map(repr, unseen), 8)}"
    for text, first, other in found.conflicts:
        yield f"same text, other label: {_short(text)!r} is {_short(first)!r} and {_short(other)!r}"


def _about_texts(found: Findings) -> Iterator[str]:
    if letters := found.scripts.total():
        shares = [f"{name} {_share(count / letters)}" for name, count in found.scripts.most_common(5)]
        yield f"scripts, of all letters: {', '.join(shares)}"
    if dropped := found.train.repeats + found.train.conflicts:
        yield f"repeats of a text in train: {_many(dropped)}; the first is kept (data.drop_duplicates=none keeps all)"
    for split in found.splits[1:]:
        if split.in_train:
            other = f", {split.otherwise_in_train:,} with another label" if split.otherwise_in_train else ""
            yield (
                f"{split.in_train:,} of {split.usable:,} rows of {split.split} have a text that stands in train "
                f"too{other}: what is measured on them is flattered (data.drop_duplicates=all drops them from train)"
            )
    if len(found.splits) > 1:
        limits = (
            "" if found.compared else f"; of the first {MOST_TRAIN:,} rows of train and {MOST_HELD_OUT:,} of the rest"
        )
        yield (
            "nearly in train: at least "
            f"{THRESHOLD:.0%} of two texts' character 5-grams are shared (Jaccard, estimated by MinHash){limits}"
        )
    for pair in found.pairs:
        first, other = _short(pair.train), _short(pair.other)
        yield f"near-duplicates ({pair.similarity:.0%}): {first!r} in train, {other!r} in {pair.split}"


def _share(share: float) -> str:
    return f"{share:.1%}" if share >= 0.0005 or not share else "<0.1%"


def _about_rows(found: Findings) -> Iterator[str]:
    for split in found.splits:
        yield from split.broken
        if split.blank.total():
            yield f"{split.name}: {_blank(split)}; data.blank=drop leaves them out"


def _blank(split: Split) -> str:
    return ", ".join(
        _many(count, *("blank word", "blank words") if "words" in what else (f"row {what}", f"rows {what}"))
        for what, count in split.blank.items()
        if count
    )


def _many(count: int, one: str = "row", several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"
