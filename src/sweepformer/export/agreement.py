"""How far a bundle's answers are from those of the run that it was made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweepformer.data.store import TokenizedRows
from sweepformer.data.texts import split_pair, split_words
from sweepformer.export.bundle_predict import Labeller
from sweepformer.inference.readers import Reader
from sweepformer.tasks.answers import Answers, in_order

LIMIT = 1e-4  # the most that a probability may differ by; of numbers, in standard deviations


@dataclass(frozen=True)
class Said:
    """What was said of some rows: of each the probabilities, (classes,) or of its words (words, tags), or the number.

    scale: of numbers, the training rows' standard deviation.
    """

    labelled: str
    values: Sequence[Any]
    scale: float = 1.0

    def difference(self, other: "Said") -> float:
        """The largest one between two probabilities, or two numbers in standard deviations; infinite where one of them
        has no answer.
        """
        largest = 0.0
        for one, two in zip(self.values, other.values, strict=True):
            one, two = (np.atleast_1d(np.asarray(value, dtype=np.float64)) for value in (one, two))
            if one.shape != two.shape or (np.isnan(one) != np.isnan(two)).any():
                return np.inf
            largest = max(largest, float(np.nan_to_num(np.abs(one - two)).max(initial=0.0)))
        return largest / self.scale

    def score(self, rows: TokenizedRows, thresholds: Any = None) -> tuple[str, float]:
        """How good it is, and what that measures. rows: the same ones, with their labels."""
        if self.labelled == "number":
            return "mean absolute error", float(np.abs(np.ravel(self.values) - rows.labels).mean())
        if self.labelled == "tags":
            words = np.nan_to_num(np.concatenate(self.values), nan=-1.0)
            answered = words.max(1) >= 0
            return "accuracy of words", float(((words.argmax(1) == rows.answers[:, 0]) & answered).mean())
        table = np.stack(self.values)
        if self.labelled == "classes":
            return "rows with just their labels", float(
                ((table >= np.asarray(thresholds)) == rows.labels).all(1).mean()
            )
        return "accuracy", float((table.argmax(1) == rows.labels).mean())


def said_by_run(labelled: str, scale: float, reader: Reader, answers: Answers, texts: Sequence[str]) -> Said:
    """Of texts as a store has them, by the run's own model."""
    parts = []
    for read in reader.read(texts):
        kept = answers.of(read.logits, read.words)
        parts.append({"rows": read.rows, **kept})
    kept = in_order(parts)[1]
    return Said(labelled, kept["probabilities"] if "probabilities" in kept else kept["predictions"], scale)


def said_by_bundle(labelled: str, scale: float, labeller: Labeller, texts: Sequence[str]) -> Said:
    """The same by the folder's own code, from its files."""
    rows = [_row(text, labelled, labeller.reads["pairs"]) for text in texts]
    return Said(labelled, labeller.predict(rows) if labelled == "number" else labeller.predict_proba(rows), scale)


def _row(text: str, labelled: str, pairs: bool) -> Any:
    if labelled == "tags":
        return split_words(text)
    return split_pair(text) if pairs else text
