"""What a user should know of how the splits came about."""

from dataclasses import dataclass, field

import numpy as np

from sweepformer.data.rows import Rows


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


def place_of(rows: Rows, label: str) -> str:
    """The first row that holds the label."""
    return f"{rows.origin}, {rows.ids_are} {rows.ids[int(np.argmax(rows.labels.rows_named(label)))]}"


def report_tags(train: Rows, report: SplitReport) -> None:
    """What F1 is of, and whether that is what was meant."""
    from sweepformer.data.spans import SCHEMES, doubtful_tag, scheme_of  # what it needs loads slowly

    scheme = scheme_of(train.labels.names)
    report.tags = f"of spans ({scheme})" if scheme else "mean over tags"
    if odd := doubtful_tag(train.labels.names):
        report.warnings.append(
            f"{place_of(train, odd)}: with the tag {odd!r:.60} the tags are none of {', '.join(SCHEMES)}, though "
            "most look like those of spans: F1 is the mean over tags, not of spans. For spans: O, B-X, I-X, ..."
        )


def warn_of_absent_classes(classes: list[str], val: Rows, test: Rows, report: SplitReport) -> None:
    """Of classes that validation or test can tell nothing of."""
    for name, rows in (("validation", val), ("test", test)):
        if absent := sorted(set(classes) - set(rows.labels.names)):
            report.warnings.append(f"{len(absent)} classes have no row in {name}, {absent[0]!r} for one")


def warn_of_shared_groups(train: Rows, val: Rows, test: Rows, report: SplitReport) -> None:
    """Of groups that given splits tear apart."""
    if train.groups is None:
        return
    for name, rows in (("validation", val), ("test", test)):
        shared = set(train.groups.names) & set(rows.groups.names if rows.groups else [])
        if shared:
            example = sorted(shared)[0]
            report.warnings.append(f"{len(shared)} groups are in train and in {name}, {example!r:.60} for one")
