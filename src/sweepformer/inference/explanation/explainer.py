"""Explains what a run answers."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sweepformer.data.texts import readable, split_words
from sweepformer.errors import UserError, hint
from sweepformer.inference.explanation.attributions import Measure, attribute
from sweepformer.inference.explanation.explanation import Explanation, Reason, Word
from sweepformer.inference.explanation.measures import check_label, measures, prediction
from sweepformer.inference.explanation.tracing import Trace, tracer_of
from sweepformer.inference.explanation.words import are_read, of_words
from sweepformer.inference.readers import Reader
from sweepformer.tasks.answers import Answers, TagAnswers

OUTSIDE = "O"  # the tag of words that are in no span


class Explainer:
    """Tells what each word of a text adds to what is said of it.

    Args:
        reader: who answers; it isn't changed.
        answers: what its logits stand for.
        classes: in the order of logits.
        label: the class to explain; None: what is predicted: of several labels each, of none the most likely one.
        word: where words are tagged the one to explain, itself or its place from 0; None: the first that is in a span.

    Raises:
        UserError: it can't be explained, or there is no such label.
    """

    def __init__(
        self,
        reader: Reader,
        answers: Answers,
        classes: Sequence[str],
        label: str | None = None,
        word: int | str | None = None,
    ) -> None:
        check_label(answers, classes, label)
        self.tagged = isinstance(answers, TagAnswers)
        if word is not None and not self.tagged:
            raise UserError(f"word={word!r}: this run answers for whole texts, not for words: leave it out.")
        self.reader, self.answers, self.classes, self.label, self.word = reader, answers, classes, label, word
        with torch.inference_mode(False):
            self.tracer = tracer_of(reader)

    def explain(self, written: str) -> Explanation:
        """written: as `data.texts` does.

        Raises:
            UserError: there is no such word in it, or it has no answer.
        """
        (read,) = self.reader.read([written])
        with torch.inference_mode(False), torch.enable_grad():
            of_all = read.logits
            word = self._chosen(split_words(written), of_all) if self.tagged else None
            logits = of_all[word or 0]
            trace = self.tracer.trace(written, word)
            reasons = [
                _reason(trace, len(written), label, measure)
                for label, measure in measures(self.answers, self.classes, logits, self.label).items()
            ]
        said, probabilities = prediction(self.answers, self.classes, logits)
        (text,) = readable([written])
        words_read = are_read(trace.read, trace.spans, trace.words, len(written))
        return Explanation(
            text=text,
            words=[
                Word(text[start:end], start, end, is_read)
                for (start, end), is_read in zip(trace.words, words_read, strict=True)
            ],
            prediction=said,
            probabilities=probabilities,
            word=word,
            reasons=reasons,
            tokens=len(trace.spans),
            unread=int((~trace.read).sum()),
        )

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
    return Reason(
        label=label,
        values=values,
        elsewhere=elsewhere,
        before=found.before,
        after=found.after,
        compared_with=trace.path.compared_with,
        missing=found.missing,
        steps=found.steps,
    )
