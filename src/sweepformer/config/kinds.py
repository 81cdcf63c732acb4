"""What each task is, for those who must know before torch is loaded: what rows are labelled with, what is measured."""

from dataclasses import dataclass
from typing import Any

LABELLED = {  # in words, what `Kind.labels` says
    "class": "one class",
    "classes": "a list of classes",
    "number": "one number",
    "tags": "a tag for every word",
    "nothing": "no label",
}


@dataclass(frozen=True)
class Kind:
    """One kind of task.

    labels: what a row is labelled with: "class" (one of several), "classes" (any number of them), "number", "tags"
        (one of several for each of its words), or "nothing".
    predicts: what the model gives an answer for: each "row", each "token", or any token of the "vocabulary".
    metrics: measured on validation and test as `val_NAME` and `test_NAME`, beside the loss; the most telling first.
    only_tested: measured on test alone.
    """

    labels: str
    predicts: str
    metrics: tuple[str, ...]
    only_tested: tuple[str, ...] = ()

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
    "Classification": Kind("class", "row", ("acc", "f1"), ("ece", "ece_raw")),
    "LanguageModeling": Kind("nothing", "vocabulary", ("perplexity", "acc")),
    "MaskedLM": Kind("nothing", "vocabulary", ("perplexity", "acc")),
    "Multilabel": Kind("classes", "row", ("f1", "f1_micro", "acc")),
    "Regression": Kind("number", "row", ("spearman", "pearson", "mae")),
    "Tagging": Kind("tags", "token", ("acc", "f1")),
}


def kind_of(task: dict[str, Any]) -> Kind | None:
    """The kind that a task's config names; None for a task of a user's own."""
    package, _, name = str(task.get("_target_")).rpartition(".")
    return KINDS.get(name) if package.startswith("sweepformer.tasks.") else None


def own_options(task: dict[str, Any]) -> dict[str, Any]:
    """Of a task's config what the task itself is made with; the rest is said to others: checkpoints, sweeps, splits."""
    return {key: value for key, value in task.items() if key not in ("monitor", "mode", "cut_by")}
