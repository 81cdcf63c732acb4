"""What a bundle is about, for each kind of label: what its answers are, what its README says, how they are compared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from sweepformer.config.kinds import LabelKind
from sweepformer.data.store import TokenizedRows
from sweepformer.data.texts import split_pair, split_words


def _row(text: str, pairs: bool) -> Any:
    return split_pair(text) if pairs else text


@dataclass(frozen=True)
class BundledLabels:
    """One kind of label in a bundle; `LABELS` has that of each kind that has labels.

    says, means: for the README, `$count` labels there are; answers: from logits, and what the task has learned as plain
    numbers, to what stands for them in the user's terms, shaped alike; score: of values as `trial.Said` has them,
    rows with labels and thresholds, what measures them and how good they are.
    problem, task: what transformers calls it, and the class of the model there; answer: the name of a graph's second
    output; rows, tokenized: the README's example, and how transformers is given it.
    row: a text of a store, and whether texts are pairs, to what a bundle's program is given; ask: its method that says
    what is compared.
    """

    says: str
    means: str
    answers: Callable[[Tensor, dict[str, float]], Tensor]
    score: Callable[[Sequence[Any], TokenizedRows, Any], tuple[str, float]]
    problem: str | None = None
    task: str = "SequenceClassification"
    answer: str = "probabilities"
    rows: str = '["a text", "another"]'
    tokenized: str = "rows"
    row: Callable[[str, bool], Any] = _row
    ask: str = "predict_proba"


def _score_of_classes(values: Sequence[Any], rows: TokenizedRows, thresholds: Any) -> tuple[str, float]:
    return "accuracy", float((np.stack(values).argmax(1) == rows.labels).mean())


def _score_of_sets(values: Sequence[Any], rows: TokenizedRows, thresholds: Any) -> tuple[str, float]:
    given = np.stack(values) >= np.asarray(thresholds)
    return "rows with just their labels", float((given == rows.labels).all(1).mean())


def _score_of_numbers(values: Sequence[Any], rows: TokenizedRows, thresholds: Any) -> tuple[str, float]:
    return "mean absolute error", float(np.abs(np.ravel(values) - rows.labels).mean())


def _score_of_tags(values: Sequence[Any], rows: TokenizedRows, thresholds: Any) -> tuple[str, float]:
    words = np.nan_to_num(np.concatenate(values), nan=-1.0)
    answered = words.max(1) >= 0
    return "accuracy of words", float(((words.argmax(1) == rows.answers[:, 0]) & answered).mean())


LABELS = {
    LabelKind.CLASS: BundledLabels(
        says="one of $count labels for a text",
        means="probabilities are softmax(logits / temperature)",
        answers=lambda logits, learned: (logits / learned.get("temperature", 1.0)).softmax(-1),
        score=_score_of_classes,
        problem="single_label_classification",
    ),
    LabelKind.CLASSES: BundledLabels(
        says="any of $count labels for a text",
        means="probabilities are sigmoid(logits), and a label is given from its threshold on",
        answers=lambda logits, learned: logits.sigmoid(),
        score=_score_of_sets,
        problem="multi_label_classification",
    ),
    LabelKind.NUMBER: BundledLabels(
        says="a number for a text",
        means="the number is logits * scale + mean",
        answers=lambda logits, learned: logits.double() * learned["scale"] + learned["mean"],
        score=_score_of_numbers,
        problem="regression",
        answer="numbers",
        ask="predict",
    ),
    LabelKind.TAGS: BundledLabels(
        says="one of $count tags for each word",
        means="probabilities are softmax(logits); those of a word's first token are its own",
        answers=lambda logits, learned: logits.softmax(-1),
        score=_score_of_tags,
        task="TokenClassification",
        rows='[["some", "words"], ["others"]]',
        tokenized='[["some", "words"], ["others"]], is_split_into_words=True',
        row=lambda text, pairs: split_words(text),
    ),
}
