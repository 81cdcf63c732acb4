"""What there is to say of why a run answered as it did."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Word(NamedTuple):
    """A word, or several marks, of a text. start, end: its first character there, and the one after the last; is_read:
    not cut off with what is too long.
    """

    text: str
    start: int
    end: int
    is_read: bool = True


@dataclass(frozen=True)
class Reason:
    """What each word adds to one answer.

    Attributes:
        label: the class, label or tag that is explained; "" of a number.
        values: (words,) float64: of labels in log odds, of numbers in their unit. Above 0 speaks for the answer.
        elsewhere: what tokens add that stand for no word, such as white space at the end.
        before, after: the log odds, or the number, of what the text is compared with, and of the text. `values` and
            `elsewhere` sum up to their difference, but for what is missing.
        compared_with: what words are compared with, in words.
        missing: how far they don't, as a share of the difference: 0 is exact.
        steps: points of the integral.
    """

    label: str
    values: np.ndarray
    elsewhere: float
    before: float
    after: float
    compared_with: str
    missing: float
    steps: int

    @property
    def largest(self) -> float:
        """The size of the largest value; 0 where there is none."""
        return max(map(abs, self.values.tolist()), default=0.0)

    @property
    def probability(self) -> float | None:
        """Of the label; None of a number."""
        return float((1 + np.tanh(self.after / 2)) / 2) if self.label else None


@dataclass(frozen=True)
class Explanation:
    """Why a run answers a text as it does.

    Attributes:
        text: as the run reads it: after `data.transform`, two texts on a line each, tagged words between spaces.
        words: its words, in order.
        prediction: as `Predictor.predict` gives it, or the tag of the word that is explained.
        probabilities: of what is predicted, by label; empty of a number.
        word: the place among `words` of the one whose tag is explained; None where whole texts are answered for.
        reasons: for each label that is explained what adds to it.
        tokens, unread: how many the text has, and how many of them are beyond what the model reads.
    """

    text: str
    words: list[Word]
    prediction: Any
    probabilities: dict[str, float]
    word: int | None
    reasons: list[Reason]
    tokens: int
    unread: int
