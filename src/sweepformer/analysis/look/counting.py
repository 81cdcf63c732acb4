"""Rows are read in one pass and counted, in memory that grows by a few bytes a row."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sweepformer.analysis.look.columns import Chosen, choose, profile
from sweepformer.analysis.look.findings import Findings, Split
from sweepformer.analysis.look.near import NearDuplicates
from sweepformer.analysis.look.parts import Given, Part
from sweepformer.data.cells import CellError
from sweepformer.data.complaints import Complaints
from sweepformer.data.reading.table import Broken, Record
from sweepformer.data.sources.records import Builder, Columns, sentences
from sweepformer.data.texts import have_spaces, readable, split_words
from sweepformer.errors import UserError
from sweepformer.screen.progress_bar import tqdm

MOST_LABELS = 100_000  # that are counted one by one
WORD = re.compile(r"\w+|[^\w\s]")
LETTERS = 200  # of a text, that its script is known by


def look(given: Given, text: str | None = None, label: str | None = None, rows: int = 5) -> Findings:
    """Read all rows and count.

    Args:
        text, label: columns, where they are known; None: found by their names or by what stands in them.
        rows: how many of the first to keep as they are read.

    Raises:
        UserError: what was given can't be read.
    """
    train = given.parts[0]
    sample = train.sample()
    if not sample:
        broken = next(iter(train.records(Chosen("", None, "", []))), None)
        raise UserError(f"{train.name}{f': {broken.message}' if isinstance(broken, Broken) else ' has no row.'}")
    values = {name: [one.fields.get(name) for one in sample] for name in train.columns}
    chosen = choose(values, text, label)
    columns = [profile(name, some) for name, some in values.items()]
    for part in given.parts[1:]:
        for wanted in _wanted(chosen, given).read:
            if wanted[1] not in part.columns:
                raise UserError(
                    f"{part.name} has no column {wanted[1]!r}, which {train.name} has. A split needs labels too: "
                    "without them leave it out, and let a finished run predict them."
                )
    texts = ("\n".join(map(str, x)) if isinstance(x, list) else str(x) for x in values[chosen.text])
    spaced = isinstance(values[chosen.text][0], list) or chosen.sentence is not None or have_spaces(texts)
    counting = _Counting(given, chosen, spaced)
    near = NearDuplicates() if len(given.parts) > 1 else None
    splits = [counting.count(part, near) for part in reversed(given.parts)][::-1]
    _compare(splits, near)
    found = Findings(given, columns, chosen, sample[:rows], spaced, splits, {}, counting.conflicts, [], True)
    if near is not None:
        found.pairs, found.compared = near.pairs, not near.limited
    if found.kind.is_one_class:
        found.rare = _rare(splits[0], 1 + len({"val", "test"} - {one.split for one in splits}))
    return found


def _wanted(chosen: Chosen, given: Given) -> Columns:
    unit = "line" if given.data == "conll" else "row"
    columns = Columns(chosen.text, chosen.pair, chosen.label or "", None, chosen.kind, chosen.separator, unit=unit)
    return replace(columns, blank="drop", sentence=chosen.sentence)


class _Counting:
    """One split after another. conflicts: a few texts of train with two labels that they have."""

    def __init__(self, given: Given, chosen: Chosen, spaced: bool) -> None:
        self.columns, self.chosen, self.spaced = _wanted(chosen, given), chosen, spaced
        self.conflicts: list[tuple[str, str, str]] = []

    def count(self, part: Part, near: NearDuplicates | None) -> Split:
        """All of a part's rows. near: takes them up."""
        split, complaints = Split(part.split, part.name, part.form), Complaints()
        builder = Builder(self.columns, part.name, None)
        first_labels: dict[int, Any] = {}
        about = f"reading {part.name}"
        for record in tqdm(self._records(part), about, unit=" rows", delay=2, leave=False, disable=None):
            split.rows += 1
            if isinstance(record, Broken):
                complaints.add(record.kind, record.where, f"{part.name}, {record.where}: {record.message}")
                continue
            try:
                text, label, _ = builder.row_of(record)
            except CellError as error:
                if error.blank:
                    split.blank[f"without a {error.blank}"] += 1
                else:
                    complaints.add(error.kind, record.where, str(error))
                continue
            digest = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
            if near is not None and part.split == "train":
                near.compare(_readable(text), digest)
            elif near is not None:
                near.add(part.split, split.usable, _readable(text), digest)
            if part.split == "train" and len(self.conflicts) < 3 and len(first_labels) < MOST_LABELS:
                before = first_labels.setdefault(digest, label)
                if before != label:
                    self.conflicts.append((_readable(text), *self._what_differs(before, label)))
            self._add(split, text, label, record, digest)
        split.broken = complaints.lines()
        split.blank += builder.dropped
        return split

    def _what_differs(self, before: Any, label: Any) -> tuple[str, str]:
        if self.columns.kind.is_of_words:  # of many tags few differ
            before, label = zip(
                *((one, other) for one, other in zip(before, label, strict=True) if one != other), strict=True
            )
        first, other = (", ".join(one) if isinstance(one, list | tuple) else str(one) for one in (before, label))
        return first, other

    def _records(self, part: Part) -> Iterator[Record | Broken]:
        records = part.records(self.chosen)
        return records if self.chosen.sentence is None else sentences(records, self.columns)

    def _add(self, split: Split, text: str, label: Any, record: Record, digest: int) -> None:
        split.digests.append(digest)
        split.labels.append(hash(tuple(label) if isinstance(label, list) else label) & (2**64 - 1))
        words = self.columns.kind.is_of_words
        length = len(split_words(text)) if words else len(WORD.findall(text) if self.spaced else text)
        split.lengths[length] += 1
        split.characters.update(_readable(text)[:LETTERS])
        if isinstance(label, float):
            low, high = split.numbers or (label, label)
            split.numbers = min(low, label), max(high, label)
        elif label is not None:
            for one in label if isinstance(label, list) else [label]:
                if one in split.classes or len(split.classes) < MOST_LABELS:
                    split.classes[one] += 1
        if self.columns.kind.is_one_class and isinstance(self.chosen.label, str):
            raw = str(record.fields.get(self.chosen.label))
            if raw in split.spellings or len(split.spellings) < MOST_LABELS:
                split.spellings[raw] += 1


def _readable(text: str) -> str:
    return next(readable([text]))


def _compare(splits: Sequence[Split], near: NearDuplicates | None) -> None:
    """Count the rows whose text stands before, in their split or in train."""
    train = np.array(splits[0].digests)
    train_labels = np.array(splits[0].labels)
    known, place = np.unique(train, return_index=True)
    for split in splits:
        digests, labels = (np.array(column) for column in (split.digests, split.labels))
        _, first, of = np.unique(digests, return_index=True, return_inverse=True)
        differs = labels != labels[first[of]]
        split.conflicts = int(differs.sum())
        split.repeats = len(digests) - len(first) - split.conflicts
        if split is splits[0] or not len(known):
            continue
        at = np.minimum(np.searchsorted(known, digests), len(known) - 1)
        there = known[at] == digests
        split.in_train = int(there.sum())
        split.otherwise_in_train = int((there & (labels != train_labels[place[at]])).sum())
        found = near.found.get(split.split, set()) if near else set()
        split.near_train = sum(not there[number] for number in found)


def _rare(train: Split, needed: int) -> dict[str, int]:
    """Classes with too few different texts for each of so many splits to have one."""
    if needed < 2 or not train.usable:
        return {}
    digests, labels = (np.array(column) for column in (train.digests, train.labels))
    left = labels[np.unique(digests, return_index=True)[1]]
    counts = dict(zip(*(one.tolist() for one in np.unique(left, return_counts=True)), strict=True))
    found = {name: counts.get(hash(name) & (2**64 - 1), 0) for name in train.classes}
    return {name: count for name, count in found.items() if count < needed}
