"""What was found, for the terminal and as a page; and the command that trains on it."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import yaml

from sweepformer.analysis.look.findings import Findings
from sweepformer.analysis.look.remarks import before, command, many, notes, share, short
from sweepformer.config.presets import CONF
from sweepformer.files.templates import render
from sweepformer.screen.tables import CONTROL, table_text, wrapped

SHOWN = 20  # classes on the screen


class Table(NamedTuple):
    """As `table_text` takes it."""

    title: str
    columns: list[str]
    rows: list[list[str]]


def as_text(found: Findings) -> str:
    """Tables, what was found, and the command."""
    parts = [table_text(*table, tight=True) for table in tables(found, SHOWN) if table.rows]
    heads, lines = ("\n".join(wrapped(_safe(line)) for line in some) for some in (forms(found), notes(found)))
    return "\n\n".join([heads, *parts, lines, f"{before(found)}:\n  {_safe(command(found))}"]) + "\n"


def _safe(text: str) -> str:
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


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
    rows = []
    for one in found.columns:
        counts = _counts(one.distinct, one.blank)
        rows.append([short(one.name), found.chosen.role(one.name), one.kind, *counts, " | ".join(one.examples)])
    heads = ["column", "taken for", "holds", "distinct", "blank", "examples"]
    return Table(f"Columns, by {many(found.columns[0].filled + found.columns[0].blank)}", heads, rows)


def _classes(found: Findings, most: int) -> Table:
    every: Counter[str] = sum((one.classes for one in found.splits), Counter())
    what, total = ("words", found.train.classes.total()) if found.kind.is_of_words else ("rows", found.train.usable)
    rows = []
    for name, _ in every.most_common(most):
        counts = [one.classes[name] for one in found.splits]
        told = "too few to be in every split" if name in found.rare else "" if counts[0] else "not in train"
        rows.append([short(name), *_counts(*counts), share(counts[0] / max(total, 1)), told])
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
        at = [int(lengths[np.searchsorted(up_to, part * up_to[-1])]) for part in (0, 0.5, 0.95)]
        beyond = sum(count for length, count in one.lengths.items() if length > longest) / one.usable
        rows.append([one.split, *_counts(*at, int(lengths[-1])), share(beyond)])
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
    rows = [[one.where, *(short(one.fields.get(name)) for name in roles)] for one in found.first]
    return Table(f"The first rows of {found.train.name}", ["", *map(short, roles)], rows)
