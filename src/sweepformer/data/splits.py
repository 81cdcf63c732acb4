"""Train, validation and test: without duplicates, stratified, groups kept whole."""

import re
import warnings
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from sweepformer.data.rows import RawSplits, Rows
from sweepformer.errors import UserError


@dataclass
class Splits:
    """Three splits and the classes in a natural order (numbers by value)."""

    train: Rows
    val: Rows
    test: Rows
    classes: list[str]


@dataclass
class SplitReport:
    """What a user should know of how the splits came about."""

    rows: dict[str, int]
    classes: int
    duplicates_dropped: int = 0
    conflicts_dropped: int = 0
    warnings: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For the screen."""
        parts = ", ".join(f"{name} {count:,}" for name, count in self.rows.items())
        lines = [f"rows: {parts}; {self.classes} classes"]
        if self.duplicates_dropped or self.conflicts_dropped:
            lines.append(
                f"dropped: {self.duplicates_dropped:,} exact duplicates, "
                f"{self.conflicts_dropped:,} rows whose text stands with another label before"
            )
        return lines


def make_splits(
    raw: RawSplits, val_fraction: float = 0.1, test_fraction: float = 0.1, seed: int = 0
) -> tuple[Splits, SplitReport]:
    """Drop duplicates, then cut the splits that the source doesn't have from train.

    Of several rows with one text the first is kept; a text that stands in a given test split is dropped from
    validation and train, one that stands in validation from train. Fractions are of the source's train rows.

    Raises:
        UserError: fewer than two classes, a class that can't be on every side, a label that train lacks.
    """
    report = SplitReport(rows={}, classes=0)
    seen: dict[str, str] = {}
    test = _without_duplicates(raw.test, seen, report)
    val = _without_duplicates(raw.val, seen, report)
    train = _without_duplicates(raw.train, seen, report)
    if train is None or not len(train):
        raise UserError(f"{raw.train.origin}: no rows are left for training once duplicates are dropped.")
    _check_classes(train)
    share = val_fraction
    if test is None:
        _check_fractions({"test": test_fraction} | ({} if val is not None else {"val": val_fraction}))
        train, test = _cut(train, test_fraction, seed, "data.test_fraction")
        share = val_fraction / (1 - test_fraction)
    if val is None:
        _check_fractions({"val": val_fraction})
        train, val = _cut(train, share, seed + 1, "data.val_fraction")
    classes = sorted(set(train.labels), key=lambda label: (_natural(label), label))
    for split, rows in (("validation", val), ("test", test)):
        _check_labels(split, rows, set(classes))
    report.rows = {"train": len(train), "val": len(val), "test": len(test)}
    report.classes = len(classes)
    _warn_of_absent_classes(classes, val, test, report)
    _warn_of_shared_groups(train, val, test, report)
    return Splits(train, val, test, classes), report


def _without_duplicates(rows: Rows | None, seen: dict[str, str], report: SplitReport) -> Rows | None:
    if rows is None:
        return None
    kept = []
    for index, (text, label) in enumerate(zip(rows.texts, rows.labels, strict=True)):
        if text not in seen:
            seen[text] = label
            kept.append(index)
        elif seen[text] == label:
            report.duplicates_dropped += 1
        else:
            report.conflicts_dropped += 1
    return rows.select(kept) if len(kept) < len(rows) else rows


def _cut(rows: Rows, fraction: float, seed: int, key: str) -> tuple[Rows, Rows]:
    """(what stays, what is cut off), stratified by label; whole groups where there are groups."""
    counts = Counter(rows.labels)
    label, fewest = min(counts.items(), key=lambda item: item[1])
    if fewest < 2:
        raise UserError(
            f"{rows.origin}: class {label!r} has only {fewest} row, and one is needed on each side when a split is "
            f"cut ({key}={fraction:.3g}). Add rows of this class, remove it, or give data.val_file and data.test_file."
        )
    chosen = _cut_groups(rows, fraction, seed, key) if rows.groups else _cut_rows(rows, fraction, seed)
    stays = np.flatnonzero(~chosen)
    return rows.select(stays.tolist()), rows.select(np.flatnonzero(chosen).tolist())


def _cut_rows(rows: Rows, fraction: float, seed: int) -> np.ndarray:
    """(rows,) bool: the fraction of every class, at least one row and never all."""
    random = np.random.default_rng(seed)
    labels = np.array(rows.labels)
    chosen = np.zeros(len(rows), dtype=bool)
    for label in sorted(set(rows.labels)):
        members = random.permutation(np.flatnonzero(labels == label))
        share = min(max(round(fraction * len(members)), 1), len(members) - 1)
        chosen[members[:share]] = True
    return chosen


def _cut_groups(rows: Rows, fraction: float, seed: int, key: str) -> np.ndarray:
    """(rows,) bool: whole groups; of the folds of scikit-learn's StratifiedGroupKFold the one most like the whole."""
    from sklearn.model_selection import StratifiedGroupKFold

    folds = max(round(1 / fraction), 2)
    groups = len(set(rows.groups or []))
    if groups < folds:
        raise UserError(
            f"{rows.origin}: {groups} groups can't be cut into parts of {fraction:.3g} ({key}); groups stay whole. "
            f"At least {folds} are needed: check data.group_column, or raise {key}."
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed % 2**32)
    names, labels = np.unique(rows.labels, return_inverse=True)
    wanted = np.bincount(labels) * fraction

    def distance(cut: np.ndarray) -> tuple[int, float]:
        counts = np.bincount(labels[cut], minlength=len(names))
        lost = int((counts == np.bincount(labels)).sum())  # classes that would not be left to learn from
        return lost, float(np.abs(counts - wanted).sum())

    # The folds are made to be alike over all; a single one can be far off where groups are large.
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # of small classes: they are counted below
        cuts = [cut for _, cut in splitter.split(np.zeros(len(rows)), rows.labels, rows.groups)]
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[min(cuts, key=distance)] = True
    stays = {label for label, out in zip(rows.labels, chosen, strict=True) if not out}
    lost = sorted(set(rows.labels) - stays)
    if lost:
        raise UserError(
            f"{rows.origin}: all rows of class {lost[0]!r} fall into the split cut by {key}, because its groups "
            "stay whole. The class needs rows in more groups; or drop data.group_column, or try another seed."
        )
    return chosen


def _check_classes(train: Rows) -> None:
    classes = set(train.labels)
    if len(classes) < 2:
        raise UserError(
            f"{train.origin}: only one class, {next(iter(classes))!r}, in {len(train)} rows. "
            "Classification needs at least two: check data.label_column."
        )


def _check_labels(split: str, rows: Rows, classes: set[str]) -> None:
    if not len(rows):
        raise UserError(f"{rows.origin}: no rows are left for the {split} split once duplicates are dropped.")
    for label, row in zip(rows.labels, rows.ids, strict=True):
        if label not in classes:
            raise UserError(
                f"{rows.origin}, row {row}: label {label!r} of the {split} split is not among the labels in train. "
                "Every class needs rows to learn from: add some to train, or remove the label."
            )


def _check_fractions(cut: dict[str, float]) -> None:
    """cut: the fraction of each split that is cut from train."""
    if not (all(fraction > 0 for fraction in cut.values()) and sum(cut.values()) < 1):
        given = " and ".join(f"data.{split}_fraction={fraction}" for split, fraction in cut.items())
        raise UserError(f"{given}: each must be above 0, together below 1.")


def _warn_of_absent_classes(classes: list[str], val: Rows, test: Rows, report: SplitReport) -> None:
    for name, rows in (("validation", val), ("test", test)):
        if absent := sorted(set(classes) - set(rows.labels)):
            report.warnings.append(f"{len(absent)} classes have no row in {name}, {absent[0]!r} for one")


def _warn_of_shared_groups(train: Rows, val: Rows, test: Rows, report: SplitReport) -> None:
    if train.groups is None:
        return
    for name, rows in (("validation", val), ("test", test)):
        shared = set(train.groups) & set(rows.groups or [])
        if shared:
            example = sorted(shared)[0]
            report.warnings.append(f"{len(shared)} groups are in train and in {name}, {example!r} for one")


def _natural(label: str) -> tuple[tuple[int, float, str], ...]:
    """Sorts "2" before "10", and "class 2" before "class 10"."""
    parts = re.split(r"(\d+)", label)
    return tuple((0, float(part), "") if part.isdigit() and part.isascii() else (1, 0.0, part) for part in parts)
