"""How far a bundle's answers are from those of the run that it was made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweepformer.config.kinds import LabelKind
from sweepformer.data.store import TokenizedRows
from sweepformer.export.label_kinds import LABELS
from sweepformer.inference.bundle_predict import Labeller
from sweepformer.inference.readers import Reader
from sweepformer.tasks.answers import Answers, in_order

LIMIT = 1e-4  # the most that a probability may differ by; of numbers, in standard deviations


@dataclass(frozen=True)
class Said:
    """What was said of some rows: of each the probabilities, (classes,) or of its words (words, tags), or the number.

    scale: of numbers, the training rows' standard deviation.
    """

    labelled: LabelKind
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
        return LABELS[self.labelled].score(self.values, rows, thresholds)


def said_by_run(labelled: LabelKind, scale: float, reader: Reader, answers: Answers, texts: Sequence[str]) -> Said:
    """Of texts as a store has them, by the run's own model."""
    parts = []
    for read in reader.read(texts):
        kept = answers.of(read.logits, read.words)
        parts.append({"rows": read.rows, **kept})
    kept = in_order(parts)[1]
    return Said(labelled, kept["probabilities"] if "probabilities" in kept else kept["predictions"], scale)


def said_by_bundle(labelled: LabelKind, scale: float, labeller: Labeller, texts: Sequence[str]) -> Said:
    """The same by the folder's own code, from its files."""
    labels = LABELS[labelled]
    return Said(labelled, labels.ask(labeller, [labels.row(text, labeller.reads["pairs"]) for text in texts]), scale)
