"""What stands in a file's column of labels, as answers are compared with it: read as training reads it."""

from typing import Any

from sweepformer.data.sources.records import checked_label, checked_labels, checked_number


def true_label(labelled: str, value: Any, separator: str, where: str, column: str) -> Any:
    """A class, a sorted list of classes, a number, or a list of tags; None if there is no label.

    Args:
        labelled: what rows are labelled with, as in `tasks.kinds.Kind`.
        value: of the cell; tags may stand in one text with spaces.
        separator: between the classes of a row where they stand in one text.
        where, column: it stands, for messages.

    Raises:
        UserError: it can't be a label of the task.
    """
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        return None
    match labelled:
        case "number":
            return checked_number(value, where, column)
        case "tags":
            return checked_labels(value.split() if isinstance(value, str) else value, where, column)
        case "classes":
            parts = [part for part in value.split(separator) if part.strip()] if isinstance(value, str) else value
            return sorted(set(checked_labels(parts, where, column)))
        case _:
            return checked_label(value, where, column)
