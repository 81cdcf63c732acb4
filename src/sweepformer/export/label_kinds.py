"""What a bundle is about, for each kind of label: what its answers are, what its README says, how they are compared."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from sweepformer.config.kinds import LabelKind
from sweepformer.data.store import TokenizedRows
from sweepformer.data.texts import split_pair, split_words
from sweepformer.errors import UserError
from sweepformer.export.bundle_predict import Labeller


class BundledLabels(ABC):
    """One kind of label in a bundle; `LABELS` has the class of each that has labels.

    says, means: for the README, `$count` labels there are; rows, tokenized: its example, and how transformers is given
    that; answer: the name of a graph's second output; task, problem: the class of the model in transformers, and what
    that calls such a problem.
    """

    says: ClassVar[str]
    means: ClassVar[str]
    rows: ClassVar[str] = '["a text", "another"]'
    tokenized: ClassVar[str] = "rows"
    answer: ClassVar[str] = "probabilities"
    task: ClassVar[str] = "SequenceClassification"
    problem: ClassVar[str | None]

    @staticmethod
    @abstractmethod
    def answers(logits: Tensor, learned: dict[str, Any]) -> Tensor:
        """In the user's terms, shaped as the logits. learned: plain numbers, of those that the task has learned."""

    @staticmethod
    @abstractmethod
    def score(values: Sequence[Any], rows: TokenizedRows, thresholds: Any) -> tuple[str, float]:
        """What measures answers, and how good they are. values: as `agreement.Said`; rows: with labels."""

    @staticmethod
    def recorded(classes: list[str]) -> list[str]:
        """The columns of `predictions.parquet` that answers are compared with.

        Raises:
            UserError: there are none.
        """
        return [f"probability_{name}" for name in classes]

    @staticmethod
    def row(text: str, pairs: bool) -> Any:
        """A text of a store as a bundle's program is given it."""
        return split_pair(text) if pairs else text

    @staticmethod
    def ask(labeller: Labeller, rows: Sequence[Any]) -> Sequence[Any]:
        """What a bundle's program says of rows, to be compared."""
        return labeller.predict_proba(rows)


class ClassLabels(BundledLabels):
    """One class a row."""

    says = "one of $count labels for a text"
    means = "probabilities are softmax(logits / temperature)"
    problem = "single_label_classification"

    @staticmethod
    def answers(logits: Tensor, learned: dict[str, Any]) -> Tensor:
        return (logits / learned.get("temperature", 1.0)).softmax(-1)

    @staticmethod
    def score(values: Sequence[Any], rows: TokenizedRows, thresholds: Any) -> tuple[str, float]:
        return "accuracy", float((np.stack(values).argmax(1) == rows.labels).mean())


class SetLabels(BundledLabels):
    """Any number of classes a row."""

    says = "any of $count labels for a text"
    means = "probabilities are sigmoid(logits), and a label is given from its threshold on"
    problem = "multi_label_classification"

    @staticmethod
    def answers(logits: Tensor, learned: dict[str, Any]) -> Tensor:
        return logits.sigmoid()

    @staticmethod
    def score(values: Sequence[Any], rows: TokenizedRows, thresholds: Any) -> tuple[str, float]:
        given = np.stack(values) >= np.asarray(thresholds)
        return "rows with just their labels", float((given == rows.labels).all(1).mean())


class NumberLabels(BundledLabels):
    """One number a row."""

    says = "a number for a text"
    means = "the number is logits * scale + mean"
    answer = "numbers"
    problem = "regression"

    @staticmethod
    def answers(logits: Tensor, learned: dict[str, Any]) -> Tensor:
        """float64, in the unit of the training rows."""
        return logits.double() * learned["scale"] + learned["mean"]

    @staticmethod
    def score(values: Sequence[Any], rows: TokenizedRows, thresholds: Any) -> tuple[str, float]:
        return "mean absolute error", float(np.abs(np.ravel(values) - rows.labels).mean())

    @staticmethod
    def recorded(classes: list[str]) -> list[str]:
        return ["prediction"]

    @staticmethod
    def ask(labeller: Labeller, rows: Sequence[Any]) -> Sequence[Any]:
        return labeller.predict(rows)


class TagLabels(BundledLabels):
    """A tag a word."""

    says = "one of $count tags for each word"
    means = "probabilities are softmax(logits); those of a word's first token are its own"
    rows = '[["some", "words"], ["others"]]'
    tokenized = f"{rows}, is_split_into_words=True"
    task = "TokenClassification"
    problem = None

    @staticmethod
    def answers(logits: Tensor, learned: dict[str, Any]) -> Tensor:
        """Of tokens."""
        return logits.softmax(-1)

    @staticmethod
    def score(values: Sequence[Any], rows: TokenizedRows, thresholds: Any) -> tuple[str, float]:
        words = np.nan_to_num(np.concatenate(values), nan=-1.0)
        answered = words.max(1) >= 0
        return "accuracy of words", float(((words.argmax(1) == rows.answers[:, 0]) & answered).mean())

    @staticmethod
    def recorded(classes: list[str]) -> list[str]:
        raise UserError("predictions.parquet keeps no probabilities of tags")

    @staticmethod
    def row(text: str, pairs: bool) -> Any:
        return split_words(text)


LABELS: dict[LabelKind, type[BundledLabels]] = {
    LabelKind.CLASS: ClassLabels,
    LabelKind.CLASSES: SetLabels,
    LabelKind.NUMBER: NumberLabels,
    LabelKind.TAGS: TagLabels,
}
