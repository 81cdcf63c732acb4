"""How often answers agree with the labels that stand beside them."""

from collections.abc import Iterable
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


WHAT = {"class": "rows", "classes": "rows (with all their labels)", "tags": "words"}


class Tally:
    """Counts what is right.

    Args:
        labelled: what rows are labelled with, as in `tasks.kinds.Kind`.
        counts: of rows before: `asked`, `right` (of numbers the summed distance).
    """

    def __init__(self, labelled: str, counts: dict[str, float] | None = None) -> None:
        self.labelled = labelled
        self.asked, self.right = ((counts or {}).get(name, 0.0) for name in ("asked", "right"))

    def add(self, answers: Iterable[Any], labels: Iterable[Any]) -> None:
        """Answers as `Predictor.predict` gives them, labels as `true_label` does; None: there is none."""
        for answer, label in zip(answers, labels, strict=True):
            if answer is None or label is None:
                continue
            match self.labelled:
                case "number":
                    self._note(1, abs(answer - label))
                case "tags":
                    self._note(len(label), sum(one == other for one, other in zip(answer, label, strict=False)))
                case "classes":
                    self._note(1, set(answer) == set(label))
                case _:
                    self._note(1, answer == label)

    @property
    def counts(self) -> dict[str, float]:
        """What another tally can go on from."""
        return {"asked": self.asked, "right": self.right}

    @property
    def share(self) -> float | None:
        """Of right answers; of numbers their mean distance. None: there was no label."""
        return self.right / self.asked if self.asked else None

    def __str__(self) -> str:
        if self.share is None:
            return ""
        if self.labelled == "number":
            return f"{self.asked:,.0f} rows have a number: the answers are {self.share:.4g} from it on average"
        what = WHAT[self.labelled]
        return f"accuracy {self.share:.4f}: {self.right:,.0f} of {self.asked:,.0f} labelled {what} are right"

    def _note(self, asked: int, right: float) -> None:
        self.asked += asked
        self.right += right
