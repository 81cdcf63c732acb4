"""Whether rows are labelled as a task needs them, and what to do if they aren't."""

import numpy as np

from sweepformer.data.labels import Classes, LabelLists, Labels, Numbers, Unlabelled
from sweepformer.data.rows import Rows, Source
from sweepformer.errors import UserError

NEEDED = {  # what a task needs, and where it may come from
    "class": ("one class a row", "data=files data.label_column=... of a column of classes"),
    "classes": ("a list of classes a row", "data=files data.label_column=... of a column of lists"),
    "number": ("one number a row", "data=files data.label_column=... of a column of numbers"),
    "tags": ("a tag for every word", "data=conll, or data=files with a column of lists"),
}
FROM_CLASSES = ("class", "classes", "nothing")  # what rows with one class each can serve as


def check_offer(source: Source, labelled: str) -> None:
    """Before anything is read: whether a source that has one class a row, and says so, has what a task needs.

    Raises:
        UserError: it hasn't.
    """
    if getattr(source, "labels", None) == "class" and labelled not in FROM_CLASSES:
        raise _refusal(f"data: {type(source).__name__} has one class a row", labelled)


def as_needed(rows: Rows, labelled: str) -> Labels:
    """The rows' labels as a task needs them.

    Raises:
        UserError: they are of another kind.
    """
    labels = rows.labels
    match labelled:
        case "nothing":
            return Unlabelled(len(rows))
        case "class" if isinstance(labels, Classes):
            return labels
        case "number" if isinstance(labels, Numbers):
            return labels
        case "classes" if isinstance(labels, Classes):  # sets of one
            return LabelLists(labels.categories, np.arange(len(labels) + 1))
        case "classes" | "tags" if isinstance(labels, LabelLists):
            return labels
    raise _refusal(f"{rows.origin or 'data'}: its rows are labelled otherwise", labelled)


def _refusal(what: str, labelled: str) -> UserError:
    needed, from_where = NEEDED[labelled]
    return UserError(f"{what}, and the task needs {needed}. Choose {from_where}; or another task.")
