"""What each kind of label means for data: how a label is read and collected, and which rows have such labels."""

import sys
from abc import ABC, abstractmethod
from array import array
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from sweepformer.config.kinds import LabelKind
from sweepformer.data.cells import CellError, as_list, checked_label, checked_labels, checked_number
from sweepformer.data.labels import Classes, LabelLists, Labels, Numbers, Unlabelled
from sweepformer.data.rows import Rows, Source
from sweepformer.data.sources.places import Place
from sweepformer.errors import UserError


class Labelling(ABC):
    """The labels of one row after another, all of one kind; `LABELLINGS` has the class of each.

    needed, found_in: what a row needs, and where there are such rows; takes: which columns of labels will do.
    notes: what the user should know of the labels, once they are finished.

    Args:
        column: where they stand.
        separator: between the classes of a row where they stand in one text.
        refuse_invalid: tags such as I-X after O, rather than repairing them.
    """

    needed: ClassVar[str]
    found_in: ClassVar[str]
    takes: ClassVar[tuple[type[Labels], ...]]

    def __init__(self, column: str, separator: str = ",", refuse_invalid: bool = False) -> None:
        self.column, self.separator, self.refuse_invalid = column, separator, refuse_invalid
        self.labels: Any = []
        self.places: list[Place] = []
        self.notes: Sequence[str] = ()

    @abstractmethod
    def read(self, value: Any, where: str) -> Any:
        """The label that stands in a cell.

        Raises:
            UserError: it can't be one; naming where.
        """

    def of_row(self, value: Any, place: Place | str, words: Sequence[str] = ()) -> Any:
        """A row's label. words: of its text, where words are labelled."""
        return self.read(value, str(place))

    def add(self, label: Any, place: Place | str) -> None:
        """One row's, as `of_row` gives it."""
        self.labels.append(label)

    def finish(self) -> Any:
        """All rows' labels, as `Rows` takes them."""
        return self.labels

    @staticmethod
    def of(labels: Any) -> Labels:
        """Labels that it takes, as they are needed."""
        return labels


class ClassLabelling(Labelling):
    """One class a row: a word or a number."""

    needed, found_in = "one class a row", "data=files data.label_column=... of a column of classes"
    takes = (Classes,)

    def __init__(self, column: str, separator: str = ",", refuse_invalid: bool = False) -> None:
        super().__init__(column, separator, refuse_invalid)
        self.padded: list[str] = []  # where labels with spaces around them stand

    def read(self, value: Any, where: str) -> str:
        if isinstance(value, str) and value != value.strip():
            self.padded.append(where)
        return sys.intern(checked_label(value, where, self.column))

    def finish(self) -> list[str]:
        if self.padded:
            self.notes = [f"{self.padded[0]}: spaces around a label don't count; so in {len(self.padded):,} rows"]
        return self.labels


class SetLabelling(Labelling):
    """Any number of classes a row, in any order and none twice: a list, or a text that a separator cuts."""

    needed, found_in = "a list of classes a row", "data=files data.label_column=... of a column of lists"
    takes = (Classes, LabelLists)

    def read(self, value: Any, where: str) -> list[str]:
        value = as_list(value)
        if isinstance(value, str):
            value = [part for part in value.split(self.separator) if part.strip()]
        elif value is None or value != value:
            value = []  # none of the classes
        return sorted(set(checked_labels(value, where, self.column)))

    def finish(self) -> LabelLists:
        return LabelLists.of(self.labels)

    @staticmethod
    def of(labels: Any) -> Labels:
        """One class a row is a set of one."""
        return LabelLists(labels.categories, np.arange(len(labels) + 1)) if isinstance(labels, Classes) else labels


class NumberLabelling(Labelling):
    """One finite number a row."""

    needed, found_in = "one number a row", "data=files data.label_column=... of a column of numbers"
    takes = (Numbers,)

    def __init__(self, column: str, separator: str = ",", refuse_invalid: bool = False) -> None:
        super().__init__(column, separator, refuse_invalid)
        self.labels = array("d")

    def read(self, value: Any, where: str) -> float:
        return checked_number(value, where, self.column)

    def finish(self) -> Numbers:
        return Numbers(np.array(self.labels))


class TagLabelling(Labelling):
    """A tag for every word: a list, or, in a file to be answered for, a text that white space cuts."""

    needed, found_in = "a tag for every word", "data=conll, or data=files with a column of lists"
    takes = (LabelLists,)

    def read(self, value: Any, where: str) -> list[str]:
        value = as_list(value)
        return checked_labels(value.split() if isinstance(value, str) else value, where, self.column)

    def of_row(self, value: Any, place: Place | str, words: Sequence[str] = ()) -> list[str]:
        tags = checked_labels(value, str(place), self.column)
        if len(tags) != len(words):
            raise CellError(f"{place}: {len(words)} words and {len(tags)} tags. Every word needs one.", "tags")
        return tags

    def add(self, label: Any, place: Place | str) -> None:
        self.labels.append(label)
        self.places.append(place if isinstance(place, Place) else Place("", place))

    def finish(self) -> LabelLists:
        from sweepformer.data.spans import repair_spans  # what it needs loads slowly

        self.notes = repair_spans(self.labels, self.places, self.refuse_invalid)
        return LabelLists.of(self.labels)


class NoLabelling(Labelling):
    """Texts alone, whatever stands beside them."""

    takes = (Labels,)

    def read(self, value: Any, where: str) -> None:
        return None

    def finish(self) -> None:
        return None

    @staticmethod
    def of(labels: Any) -> Labels:
        return Unlabelled(len(labels))


LABELLINGS: dict[LabelKind, type[Labelling]] = {
    LabelKind.CLASS: ClassLabelling,
    LabelKind.CLASSES: SetLabelling,
    LabelKind.NUMBER: NumberLabelling,
    LabelKind.TAGS: TagLabelling,
    LabelKind.NOTHING: NoLabelling,
}


def check_offer(source: Source, needed: LabelKind) -> None:
    """Before anything is read: whether a source that has one class a row, and says so, has what a task needs.

    Raises:
        UserError: it hasn't.
    """
    if getattr(source, "labels", None) == LabelKind.CLASS and not issubclass(Classes, LABELLINGS[needed].takes):
        raise _refusal(f"data: {type(source).__name__} has one class a row", needed)


def as_needed(rows: Rows, needed: LabelKind) -> Labels:
    """The rows' labels as a task needs them.

    Raises:
        UserError: they are of another kind.
    """
    labelling = LABELLINGS[needed]
    if not isinstance(rows.labels, labelling.takes):
        raise _refusal(f"{rows.origin or 'data'}: its rows are labelled otherwise", needed)
    return labelling.of(rows.labels)


def _refusal(what: str, needed: LabelKind) -> UserError:
    kind = LABELLINGS[needed]
    return UserError(f"{what}, and the task needs {kind.needed}. Choose {kind.found_in}; or another task.")
