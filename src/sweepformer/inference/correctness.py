"""How often answers agree with the labels that stand beside them."""

from collections.abc import Iterable
from typing import Any, ClassVar

from sweepformer.config.kinds import LabelKind


class Tally:
    """Counts what is right, of one class a row; of other kinds of label the classes below do, in `TALLIES`.

    Args:
        counts: of rows before: `asked`, `right`.
    """

    labelled: ClassVar[str] = "rows"  # what is counted

    def __init__(self, counts: dict[str, float] | None = None) -> None:
        self.asked, self.right = ((counts or {}).get(name, 0.0) for name in ("asked", "right"))

    def add(self, answers: Iterable[Any], labels: Iterable[Any]) -> None:
        """Answers as `Predictor.predict` gives them, labels as `Labelling.read` does; None: there is none."""
        for answer, label in zip(answers, labels, strict=True):
            if answer is not None and label is not None:
                asked, right = self.compared(answer, label)
                self.asked += asked
                self.right += right

    @staticmethod
    def compared(answer: Any, label: Any) -> tuple[int, float]:
        """How many answers were asked for in a row, and how many of them are right."""
        return 1, answer == label

    @property
    def counts(self) -> dict[str, float]:
        """What another tally can go on from."""
        return {"asked": self.asked, "right": self.right}

    @property
    def share(self) -> float | None:
        """Of right answers. None: there was no label."""
        return self.right / self.asked if self.asked else None

    def __str__(self) -> str:
        if self.share is None:
            return ""
        of = f"{self.right:,.0f} of {self.asked:,.0f} labelled {self.labelled}"
        return f"accuracy {self.share:.4f}: {of} are right"


class SetTally(Tally):
    """Rows are right with just their classes."""

    labelled = "rows (with all their labels)"

    @staticmethod
    def compared(answer: Any, label: Any) -> tuple[int, float]:
        return 1, set(answer) == set(label)


class TagTally(Tally):
    """Of words, each with a tag."""

    labelled = "words"

    @staticmethod
    def compared(answer: Any, label: Any) -> tuple[int, float]:
        return len(label), sum(one == other for one, other in zip(answer, label, strict=False))


class NumberTally(Tally):
    """Of numbers their distance stands for what is right, summed up; `share` is the mean of it."""

    @staticmethod
    def compared(answer: Any, label: Any) -> tuple[int, float]:
        return 1, abs(answer - label)

    def __str__(self) -> str:
        if self.share is None:
            return ""
        return f"{self.asked:,.0f} rows have a number: the answers are {self.share:.4g} from it on average"


TALLIES: dict[LabelKind, type[Tally]] = {
    LabelKind.CLASS: Tally,
    LabelKind.CLASSES: SetTally,
    LabelKind.NUMBER: NumberTally,
    LabelKind.TAGS: TagTally,
    LabelKind.NOTHING: Tally,  # which has nothing to count
}
