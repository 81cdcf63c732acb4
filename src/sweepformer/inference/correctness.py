"""How often answers agree with the labels that stand beside them."""

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sweepformer.config.kinds import LabelKind


def _is_equal(answer: Any, label: Any) -> tuple[int, float]:
    return 1, answer == label


def _is_same_set(answer: Any, label: Any) -> tuple[int, float]:
    return 1, set(answer) == set(label)


def _equal_tags(answer: Any, label: Any) -> tuple[int, float]:
    return len(label), sum(one == other for one, other in zip(answer, label, strict=False))


def _distance(answer: Any, label: Any) -> tuple[int, float]:
    return 1, abs(answer - label)


@dataclass
class Tally:
    """Counts what is right of one kind of label; those of every kind are made by `TALLIES`.

    compared: of an answer and a label how many answers were asked for, and how many of them are right, or how far off
    numbers are; said: of them all, in words; asked, right: their sums so far, `share` their quotient; known: labels
    that can be answered at all.
    """

    compared: Callable[[Any, Any], tuple[int, float]]
    said: str
    asked: float = 0.0
    right: float = 0.0
    known: float = 0.0

    def add(self, answers: Iterable[Any], labels: Iterable[Any], names: Container[str] = ()) -> None:
        """Answers as `Predictor.predict` gives them, labels as `Labelling.read` does; None: there is none.

        names: the classes or tags that may be answered; none where labels are numbers.
        """
        for answer, label in zip(answers, labels, strict=True):
            if answer is not None and label is not None:
                asked, right = self.compared(answer, label)
                self.asked += asked
                self.right += right
                parts = label if isinstance(label, list) else [label]
                self.known += not names or not parts or any(part in names for part in parts)

    @property
    def counts(self) -> dict[str, float]:
        """What another tally can go on from."""
        return {"asked": self.asked, "right": self.right, "known": self.known}

    @property
    def share(self) -> float | None:
        """Of right answers, or the mean distance of numbers. None: there was no label."""
        return self.right / self.asked if self.asked else None

    def __str__(self) -> str:
        if self.asked and not self.known:
            return "the run knows none of the labels in the file: no accuracy is told"
        return self.said.format(self) if self.asked else ""


ACCURACY = "accuracy {0.share:.4f}: {0.right:,.0f} of {0.asked:,.0f} labelled "
DISTANCE = "{0.asked:,.0f} rows have a number: the answers are {0.share:.4g} from it on average"
TALLIES: dict[LabelKind, Callable[..., Tally]] = {
    LabelKind.CLASS: partial(Tally, _is_equal, f"{ACCURACY}rows are right"),
    LabelKind.CLASSES: partial(Tally, _is_same_set, f"{ACCURACY}rows (with all their labels) are right"),
    LabelKind.NUMBER: partial(Tally, _distance, DISTANCE),
    LabelKind.TAGS: partial(Tally, _equal_tags, f"{ACCURACY}words are right"),
    LabelKind.NOTHING: partial(Tally, _is_equal, ""),  # which has nothing to count
}
