"""Metrics that torchmetrics lacks: correlation, and F1 of tags and spans."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata
from seqscore.scoring import ClassificationScore, score_sequence_mentions
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from sweepformer.data.encoding import NO_TAG
from sweepformer.data.spans import OUTSIDE, scheme_of, spans_of


class Correlation(Metric):
    """Pearson's correlation of all answers with the true numbers, over all processes; of their ranks it is Spearman's.

    0, and not undefined, where all answers are the same: they say nothing of the numbers. Computed in double
    precision.

    Args:
        ranked: ranks instead of numbers; equal numbers share the mean of theirs.
    """

    answers: list[Tensor]
    numbers: list[Tensor]

    def __init__(self, ranked: bool) -> None:
        super().__init__()
        self.ranked = ranked
        self.add_state("answers", [], dist_reduce_fx="cat")
        self.add_state("numbers", [], dist_reduce_fx="cat")

    def update(self, answers: Tensor, numbers: Tensor) -> None:
        """(rows,) float each."""
        self.answers.append(answers)
        self.numbers.append(numbers)

    def compute(self) -> Tensor:
        """Scalar from -1 to 1, float32."""
        pair = [dim_zero_cat(one).double().cpu().numpy() for one in (self.answers, self.numbers)]
        answers, numbers = (_centred(rankdata(one) if self.ranked else one) for one in pair)
        size = np.sqrt((answers**2).sum() * (numbers**2).sum())
        correlation: Any = (answers * numbers).sum() / size if size else 0.0
        return torch.tensor(correlation, dtype=torch.float32, device=self.device)


def _centred(numbers: np.ndarray) -> np.ndarray:
    return numbers - numbers.mean() if np.ptp(numbers) else np.zeros_like(numbers)


class TagF1(Metric):
    """Mean F1 of all tags that occur or are predicted (macro), over all words of a split and all processes.

    Args:
        tags: how many there are.
    """

    right: Tensor
    predicted: Tensor
    true: Tensor

    def __init__(self, tags: int, **options: Any) -> None:
        super().__init__(**options)
        self.tags = tags
        for name in ("right", "predicted", "true"):
            self.add_state(name, torch.zeros(tags, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, predicted: Tensor, true: Tensor, rows: Tensor) -> None:
        """Each (words,) int64: predicted tags, NO_TAG where there is no answer; true tags; the words' rows."""
        self.right += torch.bincount(true[predicted == true], minlength=self.tags)
        self.predicted += torch.bincount(predicted[predicted != NO_TAG], minlength=self.tags)
        self.true += torch.bincount(true, minlength=self.tags)

    def compute(self) -> Tensor:
        """F1 = 2 right / (predicted + true), 0 if there is nothing to predict."""
        total = self.predicted + self.true
        scores = 2 * self.right[total > 0] / total[total > 0]
        return scores.mean() if len(scores) else torch.zeros((), device=total.device)


class SpanF1(TagF1):
    """F1 of spans with exactly the right place and type, all types together (micro), as in CoNLL 2003.

    Found, repaired and counted by SeqScore (Palen-Michel et al. 2021). A word without an answer belongs to no span.

    Args:
        names: of the tags.
    """

    def __init__(self, names: Sequence[str], **options: Any) -> None:
        super().__init__(1, **options)
        self.names = [*names, OUTSIDE]  # the last for NO_TAG

    def update(self, predicted: Tensor, true: Tensor, rows: Tensor) -> None:
        lengths = torch.bincount(rows).tolist()
        score = ClassificationScore()
        for answers, truth in zip(*(column.cpu().split(lengths) for column in (predicted, true)), strict=True):
            score_sequence_mentions(self._spans(answers), self._spans(truth), score)
        self.right += score.true_pos
        self.predicted += score.total_pos
        self.true += score.total_ref

    def _spans(self, tags: Tensor) -> Any:
        return spans_of([self.names[tag] for tag in tags.tolist()])


def f1_of(names: Sequence[str]) -> TagF1:
    """The F1 that suits these tags."""
    return SpanF1(names) if scheme_of(names) else TagF1(len(names))
