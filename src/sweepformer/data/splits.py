"""Train, validation and test: without duplicates, stratified, groups kept whole."""

import re
from dataclasses import dataclass, field

import numpy as np

from sweepformer.config.kinds import LabelKind
from sweepformer.data.columns import StringsWriter
from sweepformer.data.cutting import check_fractions, cut
from sweepformer.data.duplicates import Duplicates, find_duplicates
from sweepformer.data.label_kinds import as_needed
from sweepformer.data.labels import Classes, LabelLists, Numbers
from sweepformer.data.rows import RawSplits, Rows
from sweepformer.data.texts import split_words
from sweepformer.errors import UserError, listed


@dataclass
class Splits:
    """Three splits and the classes or tags in a natural order (numbers by value), those that train lacks at the end."""

    train: Rows
    val: Rows
    test: Rows
    classes: list[str]


@dataclass
class SplitReport:
    """What a user should know of how the splits came about.

    read: how each part of the source was read; dropped_from_test: the rows of a given test split among those that were
    dropped; tags: what F1 is of, where words are tagged.
    """

    rows: dict[str, int]
    classes: int
    read: list[str] = field(default_factory=list)
    duplicates_dropped: int = 0
    conflicts_dropped: int = 0
    dropped_from_test: int = 0
    unlabelled: int = 0
    tags: str = ""
    warnings: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For the screen."""
        parts = ", ".join(f"{name} {count:,}" for name, count in self.rows.items())
        lines = [*self.read, f"rows: {parts}" + (f"; {self.classes} classes" if self.classes else "")]
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


@dataclass(frozen=True)
class Policy:
    """What becomes of rows that are awkward; as keys of `data`.

    drop_duplicates: as `find_duplicates`. rare_classes: what becomes of classes with fewer rows than splits that are to
    hold them: "refuse"; "train", all there; or "drop". unseen_labels: of classes and tags that train lacks and a given
    split has: "count" them as wrong, or "refuse".
    """

    drop_duplicates: str = "train"
    rare_classes: str = "refuse"
    unseen_labels: str = "count"


def make_splits(
    raw: RawSplits,
    val_fraction: float = 0.1,
    test_fraction: float = 0.1,
    seed: int = 0,
    labelled: str = LabelKind.CLASS,
    stratify_by: str | None = None,
    policy: Policy | None = None,
) -> tuple[Splits, SplitReport]:
    """Drop duplicates, then cut the splits that the source doesn't have from train.

    Fractions are of the source's train rows. Splits that the source has are used as they are, unless the policy says
    otherwise. Unlabelled rows become part of train.

    Args:
        labelled: what the task needs rows to be labelled with, a `LabelKind` or its name.
        stratify_by: the labels that splits are stratified by where the task itself needs none; None: those it needs.
        policy: None: the usual one.

    Raises:
        UserError: other labels than the task needs, fewer than two classes, a class that can't be on every side.
    """
    policy = policy or Policy()
    report = SplitReport(rows={}, classes=0)
    kind, stratify_by_kind = LabelKind(labelled), LabelKind(stratify_by or labelled)
    for part in (raw.train, raw.val, raw.test):
        if part is not None:
            part.labels = as_needed(part, stratify_by_kind)
            report.warnings.extend(part.notes)
    report.read = [part.account for part in (raw.train, raw.val, raw.test, raw.unlabelled) if part and part.account]
    found = find_duplicates(raw, policy.drop_duplicates)
    report.duplicates_dropped, report.conflicts_dropped = found.dropped, found.conflicts
    report.dropped_from_test = found.from_test
    report.warnings += _kept_repeats(found)
    train, val, test, unlabelled = found.kept.train, found.kept.val, found.kept.test, found.kept.unlabelled
    if not len(train):
        raise UserError(f"{raw.train.origin}: no rows are left for training once duplicates are dropped.")
    _check_classes(train, report)
    train = _without_rare_classes(train, raw.train, 1 + (test is None) + (val is None), policy, report)
    share = val_fraction
    if test is None:
        check_fractions({"test": test_fraction} | ({} if val is not None else {"val": val_fraction}))
        train, test = cut(train, test_fraction, seed, "data.test_fraction")
        share = val_fraction / (1 - test_fraction)
    if val is None:
        check_fractions({"val": val_fraction})
        train, val = cut(train, share, seed + 1, "data.val_fraction")
    if kind.is_nothing and not stratify_by_kind.is_nothing:
        train, val, test = (_texts_of([part], stratify_by_kind) for part in (train, val, test))
    if unlabelled is not None:
        report.unlabelled = len(unlabelled)
        train = _texts_of([train, unlabelled])
    classes = sorted(train.labels.names, key=_natural)
    unseen = sorted({*val.labels.names, *test.labels.names} - set(classes), key=_natural)
    splits = Splits(train, val, test, classes + unseen)
    for split, rows in (("validation", val), ("test", test)):
        _check_labels(split, rows, set(classes), policy, report)
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


def _without_rare_classes(train: Rows, given: Rows, splits: int, policy: Policy, report: SplitReport) -> Rows:
    """The training rows, of which classes with too few rows for each split to have one are left out if that is asked.

    Args:
        given: the same with their duplicates.
        splits: how many there will be of these rows.
    """
    if not isinstance(train.labels, Classes) or splits < 2:
        return train
    counts = dict(zip(train.labels.names, train.labels.categories.counts.tolist(), strict=True))
    rare = {name: count for name, count in counts.items() if count < splits}
    if not rare:
        return train
    assert isinstance(given.labels, Classes)
    before = dict(zip(given.labels.names, given.labels.categories.counts.tolist(), strict=True))
    told = [
        f"{name!r:.60} ({count}{f', {before[name]} with repeats' if before[name] != count else ''})"
        for name, count in rare.items()
    ]
    what = f"{len(rare)} of {len(counts)} classes have fewer than {splits} rows: {listed(told, 8, 90)}"
    if policy.rare_classes == "refuse":
        raise UserError(
            f"{train.origin}: {what}. One is needed in each split that is cut. data.rare_classes=train keeps all rows "
            "of such classes in train, data.rare_classes=drop leaves them out; or add rows, or give data.val_file and "
            "data.test_file."
        )
    if policy.rare_classes == "train":
        report.warnings.append(f"{what}; they stay in train as far as they can (data.rare_classes=train)")
        return train
    kept = ~np.isin(train.labels.categories.codes, [train.labels.names.index(name) for name in rare])
    report.warnings.append(f"{what}; these {int((~kept).sum())} rows are left out (data.rare_classes=drop)")
    left = train.select(np.flatnonzero(kept))
    _check_classes(left, report)
    return left


def _kept_repeats(found: Duplicates) -> list[str]:
    """What is told of texts that stand in train and in a given split, or repeatedly in train."""
    given = {"val": ("validation", found.kept.val), "test": ("test", found.kept.test)}
    told = [
        f"{count:,} of the {len(given[name][1] or ()):,} rows of the given {given[name][0]} split have a text that "
        "stands in train too: what is measured on them is flattered (data.drop_duplicates=all drops them from train)"
        for name, count in found.shared.items()
        if count
    ]
    if found.repeated:
        told.append(
            f"{found.repeated:,} rows of train repeat a text (data.drop_duplicates=none): splits that are cut from it "
            "may share texts with it"
        )
    return told


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


def _check_labels(split: str, rows: Rows, classes: set[str], policy: Policy, report: SplitReport) -> None:
    if not len(rows):
        raise UserError(f"{rows.origin}: no rows are left for the {split} split once duplicates are dropped.")
    unseen = [name for name in rows.labels.names if name not in classes]
    if not unseen:
        return
    has_one = np.zeros(len(rows), dtype=bool)
    for name in unseen:
        has_one |= rows.labels.rows_named(name)
    told = (
        f"{_place_of(rows, unseen[0])}: {len(unseen)} labels of the {split} split are not among the labels in train, "
        f"in {int(has_one.sum()):,} of its {len(rows):,} rows: {listed(map(repr, unseen), 8)}"
    )
    if policy.unseen_labels == "refuse":
        raise UserError(
            f"{told}. Every class needs rows to learn from: add some to train, or remove the label; or let such rows "
            "count as wrong with data.unseen_labels=count."
        )
    report.warnings.append(f"{told}; they count as wrong (data.unseen_labels=refuse stops instead)")


def _natural(label: str) -> tuple[tuple[tuple[int, float, str], ...], str]:
    """Sorts "2" before "10", and "class 2" before "class 10"."""
    parts = re.split(r"(\d+)", label)
    numbers = ((0, float(part), "") if part.isdigit() and part.isascii() else (1, 0.0, part) for part in parts)
    return tuple(numbers), label


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
        if absent := sorted(set(train.labels.names) - set(rows.labels.names)):
            found.append(f"{len(absent)} classes have no row in {name}, {absent[0]!r} for one")
    alike: dict[str, list[str]] = {}
    for name in splits.classes:
        alike.setdefault(name.casefold(), []).append(name)
    if doubtful := [names for names in alike.values() if len(names) > 1]:
        told = "; ".join(" and ".join(map(repr, names)) for names in doubtful[:5])
        found.append(f"{len(doubtful)} labels stand there in several cases, which are different classes: {told}")
    for name, rows in evaluated:
        if train.groups and rows.groups and (shared := sorted(set(train.groups.names) & set(rows.groups.names))):
            found.append(f"{len(shared)} groups are in train and in {name}, {shared[0]!r:.60} for one")
    return found
