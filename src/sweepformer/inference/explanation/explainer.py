"""Explains what a run answers: what each word of a text adds to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sweepformer.data.texts import readable, split_words
from sweepformer.errors import UserError, hint
from sweepformer.inference.explanation.attributions import Measure, attribute, check_label, measures, prediction
from sweepformer.inference.explanation.tracing import Trace, tracer_of
from sweepformer.inference.explanation.words import are_read, of_words
from sweepformer.inference.readers import Reader
from sweepformer.tasks.answers import Answers, TagAnswers

OUTSIDE = "O"  # the tag of words that are in no span


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


class Explainer:
    """Tells what each word of a text adds to what is said of it.

    reader: who answers, which isn't changed; answers: what its logits stand for; classes: in the order of logits;
    label, word: which to explain, as `Predictor.explain` takes them, a UserError if there is none, or it can't be.
    """

    def __init__(
        self, reader: Reader, answers: Answers, classes: Sequence[str], label: str | None, word: int | str | None
    ) -> None:
        check_label(answers, classes, label)
        self.tagged = isinstance(answers, TagAnswers)
        if word is not None and not self.tagged:
            raise UserError(f"word={word!r}: this run answers for whole texts, not for words: leave it out.")
        self.reader, self.answers, self.classes, self.label, self.word = reader, answers, classes, label, word
        with torch.inference_mode(False):
            self.tracer = tracer_of(reader)

    def explain(self, written: str) -> Explanation:
        """written: as `data.texts` does; a UserError if there is no such word in it, or it has no answer."""
        (read,) = self.reader.read([written])
        with torch.inference_mode(False), torch.enable_grad():
            word = self._chosen(split_words(written), read.logits) if self.tagged else None
            logits = read.logits[word or 0]
            trace = self.tracer.trace(written, word)
            reasons = [
                _reason(trace, len(written), label, measure)
                for label, measure in measures(self.answers, self.classes, logits, self.label).items()
            ]
        said, probabilities = prediction(self.answers, self.classes, logits)
        (text,) = readable([written])
        words_read = are_read(trace.read, trace.spans, trace.words, len(written))
        places = zip(trace.words, words_read, strict=True)
        words = [Word(text[start:end], start, end, is_read) for (start, end), is_read in places]
        unread = int((~trace.read).sum())
        return Explanation(text, words, said, probabilities, word, reasons, len(trace.spans), unread)

    def _chosen(self, words: list[str], logits: Tensor) -> int:
        """The place of the word that is explained. logits: (words, tags), -inf where there is no answer."""
        place = self._place(words)
        if place is None:
            tags = [self.classes[best] for best in logits.argmax(1)]
            has_answer = (~logits.isneginf().all(1)).tolist()
            in_spans = (number for number, tag in enumerate(tags) if has_answer[number] and tag != OUTSIDE)
            return next(in_spans, 0)
        if logits[place].isneginf().all():
            raise UserError(f"word {place} ({words[place]!r:.60}) is beyond what the model reads, and has no tag.")
        return place

    def _place(self, words: list[str]) -> int | None:
        if isinstance(self.word, str):
            if self.word not in words:
                raise UserError(f"word={self.word!r:.60} is not in the text.{hint(self.word, words)}")
            return words.index(self.word)
        if self.word is not None and not 0 <= self.word < len(words):
            raise UserError(f"word={self.word}: the text has the words 0 to {len(words) - 1}.")
        return self.word


def _reason(trace: Trace, length: int, label: str, measure: Measure) -> Reason:
    found = attribute(trace.path, measure)
    values, elsewhere = of_words(found.values, trace.spans, trace.words, length)
    compared_with = trace.path.compared_with
    return Reason(label, values, elsewhere, found.before, found.after, compared_with, found.missing, found.steps)
