"""Train, validation and test: without duplicates, stratified, groups kept whole."""

import hashlib
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from sweepformer.config.kinds import LabelKind
from sweepformer.data.columns import Categories, StringsWriter
from sweepformer.data.label_kinds import as_needed
from sweepformer.data.labels import Classes, LabelLists, Labels, Numbers, Unlabelled
from sweepformer.data.rows import RawSplits, Rows
from sweepformer.data.texts import split_words
from sweepformer.errors import UserError


@dataclass
class Splits:
    """Three splits and the classes or tags in a natural order (numbers by value)."""

    train: Rows
    val: Rows
    test: Rows
    classes: list[str]


@dataclass
class SplitReport:
    """What a user should know of how the splits came about.

    dropped_from_test: the rows of a given test split among those that were dropped; tags: what F1 is of, where words
    are tagged.
    """

    rows: dict[str, int]
    classes: int
    duplicates_dropped: int = 0
    conflicts_dropped: int = 0
    dropped_from_test: int = 0
    unlabelled: int = 0
    tags: str = ""
    warnings: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For the screen."""
        parts = ", ".join(f"{name} {count:,}" for name, count in self.rows.items())
        lines = [f"rows: {parts}" + (f"; {self.classes} classes" if self.classes else "")]
        if self.tags:
            lines.append(f"val_f1 and test_f1: {self.tags}")
        if self.unlabelled:
            lines.append(f"of data.unlabelled_file: {self.unlabelled:,} rows, all in train")
        if self.duplicates_dropped or self.conflicts_dropped:
            lines.append(
                f"dropped: {self.duplicates_dropped:,} exact duplicates, "
                f"{self.conflicts_dropped:,} rows whose text stands with another label before"
                + (f"; {self.dropped_from_test:,} of them in the given test split" if self.dropped_from_test else "")
            )
        return lines


def make_splits(
    raw: RawSplits,
    val_fraction: float = 0.1,
    test_fraction: float = 0.1,
    seed: int = 0,
    labelled: str = LabelKind.CLASS,
    stratify_by: str | None = None,
) -> tuple[Splits, SplitReport]:
    """Drop duplicates, then cut the splits that the source doesn't have from train.

    Of several rows with one text the first is kept; a text that stands in a given test split is dropped from
    validation and train, one that stands in validation from train. Fractions are of the source's train rows.
    Unlabelled rows become part of train, but for those whose text stands in any split.

    Args:
        labelled: what the task needs rows to be labelled with, a `LabelKind` or its name.
        stratify_by: the labels that splits are stratified by where the task itself needs none; None: those it needs.

    Raises:
        UserError: other labels than the task needs, fewer than two classes, a class that can't be on every side, a
            label that train lacks.
    """
    report = SplitReport(rows={}, classes=0)
    kind, stratify_by_kind = LabelKind(labelled), LabelKind(stratify_by or labelled)
    for part in (raw.train, raw.val, raw.test):
        if part is not None:
            part.labels = as_needed(part, stratify_by_kind)
            report.warnings.extend(part.notes)
    test, val, train, unlabelled = _without_duplicates([raw.test, raw.val, raw.train, raw.unlabelled], report)
    assert train is not None
    if raw.test is not None and test is not None:
        report.dropped_from_test = len(raw.test) - len(test)
    if not len(train):
        raise UserError(f"{raw.train.origin}: no rows are left for training once duplicates are dropped.")
    _check_classes(train, report)
    share = val_fraction
    if test is None:
        _check_fractions({"test": test_fraction} | ({} if val is not None else {"val": val_fraction}))
        train, test = _cut(train, test_fraction, seed, "data.test_fraction")
        share = val_fraction / (1 - test_fraction)
    if val is None:
        _check_fractions({"val": val_fraction})
        train, val = _cut(train, share, seed + 1, "data.val_fraction")
    if kind.is_nothing and not stratify_by_kind.is_nothing:
        train, val, test = (_texts_of([part], stratify_by_kind) for part in (train, val, test))
    if unlabelled is not None:
        report.unlabelled = len(unlabelled)
        train = _texts_of([train, unlabelled])
    classes = sorted(train.labels.names, key=lambda label: (_natural(label), label))
    splits = Splits(train, val, test, classes)
    for split, rows in (("validation", val), ("test", test)):
        _check_labels(split, rows, set(classes))
    report.rows = {"train": len(train), "val": len(val), "test": len(test)}
    report.classes = len(classes)
    if kind.is_of_words:
        _report_tags(train, report)
    report.warnings += _shortcomings(splits)
    return splits, report


def _texts_of(parts: list[Rows], labelled: LabelKind = LabelKind.NOTHING) -> Rows:
    """The parts' rows, one part after the other, without labels and groups; of tagged words as a text again."""
    texts, ids = StringsWriter(), StringsWriter()
    for part in parts:
        for text, identity in zip(part.texts, part.ids, strict=True):
            texts.append(" ".join(split_words(text)) if labelled.is_of_words else text)
            ids.append(identity)
    return Rows(texts.finish(), None, ids.finish(), origin=parts[0].origin, pairs=parts[0].pairs)


def _without_duplicates(parts: list[Rows | None], report: SplitReport) -> list[Rows | None]:
    """The parts without the rows whose text stands in an earlier row, of the same part or of one before."""
    given = [part for part in parts if part is not None]
    digests = np.concatenate([_digests(part.texts) for part in given])
    order = np.lexsort(digests.T)  # stable: of equal texts the first comes first
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (digests[order[1:]] != digests[order[:-1]]).any(1)
    first = np.empty_like(order)
    first[order] = order[is_first][np.cumsum(is_first) - 1]
    dropped = first != np.arange(len(first))
    labels = np.concatenate([part.labels.identities() for part in given])
    has_label = np.repeat([not isinstance(part.labels, Unlabelled) for part in given], [len(part) for part in given])
    conflicts = has_label & (labels != labels[first])
    report.conflicts_dropped = int(conflicts.sum())
    report.duplicates_dropped = int(dropped.sum()) - report.conflicts_dropped
    kept = iter(np.split(~dropped, np.cumsum([len(part) for part in given])[:-1]))
    return [part if part is None else part.select(np.flatnonzero(next(kept))) for part in parts]


def _digests(texts: Iterable[str]) -> np.ndarray:
    """(texts, 2) uint64, 128 bits that stand for each text: all of them fit in memory when the texts don't."""
    joined = b"".join(hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts)
    return np.frombuffer(joined, dtype=np.uint64).reshape(-1, 2)


def _cut(rows: Rows, fraction: float, seed: int, key: str) -> tuple[Rows, Rows]:
    """(what stays, what is cut off), stratified by label; whole groups where there are groups."""
    if isinstance(rows.labels, Classes):
        counts = rows.labels.categories.counts
        if counts.min() < 2:
            label = rows.labels.names[counts.argmin()]
            raise UserError(
                f"{rows.origin}: class {label!r:.60} has only {counts.min()} row, and one is needed on each side when "
                f"a split is cut ({key}={fraction:.3g}). Add rows of this class, remove it, or give data.val_file and "
                "data.test_file."
            )
    chosen = _cut_groups(rows, rows.groups, fraction, seed, key) if rows.groups else _cut_rows(rows, fraction, seed)
    return rows.select(np.flatnonzero(~chosen)), rows.select(np.flatnonzero(chosen))


def _cut_rows(rows: Rows, fraction: float, seed: int) -> np.ndarray:
    """(rows,) bool: the fraction of every stratum, at least one row and never all, nor all rows of a label."""
    random = np.random.default_rng(seed)
    chosen = np.zeros(len(rows), dtype=bool)
    strata = rows.labels.strata()
    by_stratum = np.argsort(strata, kind="stable")
    for of_stratum in np.split(by_stratum, np.cumsum(np.bincount(strata))[:-1]):
        members = random.permutation(of_stratum)
        share = min(max(round(fraction * len(members)), 1), len(members) - 1)
        chosen[members[:share]] = True
    for name in _lost(rows.labels, chosen):
        holders = np.flatnonzero(rows.labels.rows_named(name))
        if chosen[holders].all():  # a row that was given back for another label may hold this one too
            chosen[holders[0]] = False
    return chosen


def _lost(labels: Labels, chosen: np.ndarray) -> list[str]:
    """The labels that would not be left to learn from once the chosen rows, (rows,) bool, are cut off."""
    left = set(labels.select(np.flatnonzero(~chosen)).names)
    return [name for name in labels.names if name not in left]


def _cut_groups(rows: Rows, groups: Categories, fraction: float, seed: int, key: str) -> np.ndarray:
    """(rows,) bool: whole groups; of the folds of scikit-learn's StratifiedGroupKFold the one most like the whole."""
    from sklearn.model_selection import StratifiedGroupKFold

    folds = max(round(min(1 / fraction, len(rows) + 1)), 2)
    if len(groups.names) < folds:
        raise UserError(
            f"{rows.origin}: {len(groups.names)} groups can't be cut into parts of {fraction:.3g} ({key}); groups stay "
            f"whole. At least {folds} are needed: check data.group_column, or raise {key}."
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed % 2**32)
    strata = rows.labels.strata()
    everywhere = np.bincount(strata)

    def distance(cut: np.ndarray) -> tuple[int, float]:
        counts = np.bincount(strata[cut], minlength=len(everywhere))
        chosen = np.isin(np.arange(len(rows)), cut)
        return len(_lost(rows.labels, chosen)), float(np.abs(counts - everywhere * fraction).sum())

    # The folds are made to be alike over all; a single one can be far off where groups are large.
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # of small classes: they are counted below
        cuts = [cut for _, cut in splitter.split(np.zeros(len(rows)), strata, groups.codes)]
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[min(cuts, key=distance)] = True
    if lost := _lost(rows.labels, chosen):
        raise UserError(
            f"{rows.origin}: all rows of class {lost[0]!r} fall into the split cut by {key}, because its groups "
            "stay whole. The class needs rows in more groups; or drop data.group_column, or try another seed."
        )
    return chosen


def _check_classes(train: Rows, report: SplitReport) -> None:
    if isinstance(train.labels, Numbers):
        numbers = train.labels.values
        if not (np.ptp(numbers) and np.float32(numbers.std())):  # models compute in single precision
            raise UserError(
                f"{train.origin}: all {len(train)} training rows have the number {numbers[0]:g}: there is nothing to "
                "learn. Check data.label_column."
            )
    if isinstance(train.labels, Classes | LabelLists) and len(train.labels.names) < 2:
        only = f"only one class, {train.labels.names[0]!r:.60}," if train.labels.names else "no label"
        dropped = report.duplicates_dropped + report.conflicts_dropped
        without = f" ({dropped:,} of texts that stand there before were dropped)" if dropped else ""
        raise UserError(
            f"{train.origin}: {only} in {len(train)} rows{without}. At least two are needed: check data.label_column."
        )


def _check_labels(split: str, rows: Rows, classes: set[str]) -> None:
    if not len(rows):
        raise UserError(f"{rows.origin}: no rows are left for the {split} split once duplicates are dropped.")
    for label in rows.labels.names:
        if label not in classes:
            raise UserError(
                f"{_place_of(rows, label)}: label {label!r:.60} of the {split} split is not among the labels in train. "
                "Every class needs rows to learn from: add some to train, or remove the label."
            )


def _check_fractions(cut: dict[str, float]) -> None:
    """cut: the fraction of each split that is cut from train."""
    if not (all(fraction > 0 for fraction in cut.values()) and sum(cut.values()) < 1):
        given = " and ".join(f"data.{split}_fraction={fraction}" for split, fraction in cut.items())
        raise UserError(f"{given}: each must be above 0, together below 1.")


def _natural(label: str) -> tuple[tuple[int, float, str], ...]:
    """Sorts "2" before "10", and "class 2" before "class 10"."""
    parts = re.split(r"(\d+)", label)
    return tuple((0, float(part), "") if part.isdigit() and part.isascii() else (1, 0.0, part) for part in parts)


def _place_of(rows: Rows, label: str) -> str:
    """The first row that holds the label."""
    return f"{rows.origin}, {rows.ids_are} {rows.ids[int(np.argmax(rows.labels.rows_named(label)))]}"


def _report_tags(train: Rows, report: SplitReport) -> None:
    """What F1 is of, and whether that is what was meant."""
    from sweepformer.data.spans import SCHEMES, doubtful_tag, scheme_of  # what it needs loads slowly

    scheme = scheme_of(train.labels.names)
    report.tags = f"of spans ({scheme})" if scheme else "mean over tags"
    if odd := doubtful_tag(train.labels.names):
        report.warnings.append(
            f"{_place_of(train, odd)}: with the tag {odd!r:.60} the tags are none of {', '.join(SCHEMES)}, though "
            "most look like those of spans: F1 is the mean over tags, not of spans. For spans: O, B-X, I-X, ..."
        )


def _shortcomings(splits: Splits) -> list[str]:
    """Classes that validation or test can tell nothing of, and groups that given splits tear apart."""
    found, train = [], splits.train
    evaluated = (("validation", splits.val), ("test", splits.test))
    for name, rows in evaluated:
        if absent := sorted(set(splits.classes) - set(rows.labels.names)):
            found.append(f"{len(absent)} classes have no row in {name}, {absent[0]!r} for one")
    for name, rows in evaluated:
        if train.groups and rows.groups and (shared := sorted(set(train.groups.names) & set(rows.groups.names))):
            found.append(f"{len(shared)} groups are in train and in {name}, {shared[0]!r:.60} for one")
    return found
