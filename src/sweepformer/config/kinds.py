"""What each task is, for those who must know before torch is loaded: what rows are labelled with, what is measured.

A kind of label is declared here, with the facts that need no data. What it means on a floor above is one class there,
found by the `LabelKind`, and a new kind needs one in each:

    data/label_kinds.py                how a label is read, checked and collected
    tasks/answers.py                   what logits stand for, and in which columns answers are written
    inference/correctness.py           how often answers are right
    export/label_kinds.py              what a bundle of such a run says, and how it is tried out
    analysis/comparison/answers.py     the sums that metrics of a test split follow from
    analysis/evaluation/label_kinds.py what labels and answers come to, row by row

and a task that learns from it, which is named in `KINDS`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class LabelKind(StrEnum):
    """What a row is labelled with; the value is its name in stores, bundles and configs (`task.stratify_by`)."""

    CLASS = "class"
    CLASSES = "classes"
    NUMBER = "number"
    TAGS = "tags"
    NOTHING = "nothing"

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise ValueError(f"{value!r} is no kind of label. There are: {', '.join(cls)}.")

    @property
    def in_words(self) -> str:
        """What a row has."""
        return _IN_WORDS[self]

    @property
    def is_one_class(self) -> bool:
        """Whether each row is in one of several classes: they can be balanced, and a wide path can tell them."""
        return self is LabelKind.CLASS

    @property
    def has_classes(self) -> bool:
        """Whether rows are in classes, one or any number: each has a probability."""
        return self in (LabelKind.CLASS, LabelKind.CLASSES)

    @property
    def has_names(self) -> bool:
        """Whether labels are names, of classes or of tags."""
        return self.has_classes or self.is_of_words

    @property
    def is_a_number(self) -> bool:
        """Whether each row has one number."""
        return self is LabelKind.NUMBER

    @property
    def is_a_set(self) -> bool:
        """Whether each row has any number of classes, which may stand in one text with separators."""
        return self is LabelKind.CLASSES

    @property
    def is_of_words(self) -> bool:
        """Whether each word has a label of its own, and a row is a list of words."""
        return self is LabelKind.TAGS

    @property
    def is_nothing(self) -> bool:
        """Whether texts alone are learned from."""
        return self is LabelKind.NOTHING


_IN_WORDS = {
    LabelKind.CLASS: "one class",
    LabelKind.CLASSES: "a list of classes",
    LabelKind.NUMBER: "one number",
    LabelKind.TAGS: "a tag for every word",
    LabelKind.NOTHING: "no label",
}


@dataclass(frozen=True)
class Kind:
    """One kind of task; a ValueError if there is no such kind of label.

    labelled: what a row is labelled with; a name such as "class" will do.
    predicts: what the model gives an answer for: each "row", each "token", or any token of the "vocabulary".
    metrics: measured on validation and test as `val_NAME` and `test_NAME`, beside the loss; the most telling first.
    only_tested: measured on test alone.
    """

    labelled: LabelKind
    predicts: str
    metrics: tuple[str, ...]
    only_tested: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "labelled", LabelKind(self.labelled))

    @property
    def labels(self) -> str:
        """The plain name of what a row is labelled with, as it is saved."""
        return self.labelled.value

    @property
    def is_language_model(self) -> bool:
        """Whether any token of the vocabulary may be the answer."""
        return self.predicts == "vocabulary"

    @property
    def logged(self) -> tuple[str, ...]:
        """What can be monitored while training."""
        train = ("train_loss", "train_acc") if "acc" in self.metrics else ("train_loss",)
        return (*train, "val_loss", *(f"val_{name}" for name in self.metrics))

    @property
    def tested(self) -> tuple[str, ...]:
        """What the test comes to."""
        return ("test_loss", *(f"test_{name}" for name in (*self.metrics, *self.only_tested)))


KINDS = {
    "Classification": Kind(LabelKind.CLASS, "row", ("acc", "f1"), ("ece", "ece_raw")),
    "LanguageModeling": Kind(LabelKind.NOTHING, "vocabulary", ("perplexity", "acc")),
    "MaskedLM": Kind(LabelKind.NOTHING, "vocabulary", ("perplexity", "acc")),
    "Multilabel": Kind(LabelKind.CLASSES, "row", ("f1", "f1_micro", "acc")),
    "Regression": Kind(LabelKind.NUMBER, "row", ("spearman", "pearson", "mae")),
    "Tagging": Kind(LabelKind.TAGS, "token", ("acc", "f1")),
}


def task_kind(task: dict[str, Any]) -> Kind | None:
    """The kind that a task's config names; None for a task of a user's own."""
    package, _, name = str(task.get("_target_")).rpartition(".")
    return KINDS.get(name) if package.startswith("sweepformer.tasks.") else None


def own_options(task: dict[str, Any]) -> dict[str, Any]:
    """Of a task's config what the task itself is made with; the rest is said to others: checkpoints, sweeps, splits."""
    return {key: value for key, value in task.items() if key not in ("monitor", "mode", "stratify_by")}
