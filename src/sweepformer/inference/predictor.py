"""A finished run, ready to answer for new texts."""

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from torch import Tensor

from sweepformer.config.kinds import Kind
from sweepformer.data.texts import split_words
from sweepformer.data.truncation import Truncation
from sweepformer.errors import UserError
from sweepformer.inference.artifact import Artifact
from sweepformer.inference.readers import Reader
from sweepformer.inference.scoring import COLUMNS, Scorer, Scores
from sweepformer.inference.texts import TextMaker
from sweepformer.tasks.answers import Answers, Kept, in_order

if TYPE_CHECKING:
    from sweepformer.inference.explanation.explainer import Explanation
    from sweepformer.inference.prediction_files import Report

log = logging.getLogger(__name__)

PARTS_READ = {"head": "their beginning", "tail": "their end", "head_and_tail": "their beginning and end"}


class Span(NamedTuple):
    """Some words of a text. type: of the span; start, end: its first word, and the one after its last, from 0."""

    type: str
    start: int
    end: int


class Answered(NamedTuple):
    """columns: by name, a list or an array with an item for each text; cut: (texts,) bool, which were too long."""

    columns: dict[str, Any]
    cut: np.ndarray


class Predictor:
    """Answers for new texts as the run does for its test split; `sweepformer.load` makes one.

    A text is a string; where the run was trained on pairs of texts, two of them (text, other); where words are tagged,
    a list of words, or a string that white space cuts into words. Texts are put into batches by length, whatever their
    number, and answered in their order. What is said of a text does not depend on the others: labels are the same, and
    probabilities differ by less than 1e-5, as sums are rounded otherwise in batches of other shapes (of a run in 16
    bit by up to 1e-2). Nothing is changed by asking, so that several threads may ask at once.

    Example:
        >>> from sweepformer import load
        >>> run = load("outputs/2026-11-21/12-00-00.000000-abcdef")  # doctest: +SKIP
        >>> run.predict(["cholera due to vibrio"])  # doctest: +SKIP
        ['01']

    Attributes:
        path: the file that the weights were read from.
        chosen: how it was chosen, in words, where a sweep was given; else empty.
        config: of the run, plain.
        kind: of its task: what a text is answered with.
        classes: the classes or tags, in the order of probabilities; empty where there are none.
    """

    def __init__(
        self,
        artifact: Artifact,
        kind: Kind,
        texts: TextMaker,
        reader: Reader,
        answers: Answers | None,  # None: it is a language model, and has a scorer
        scorer: Scorer | None = None,
        chosen: str = "",
    ) -> None:
        self.path, self.chosen, self.config = artifact.origin, chosen, artifact.config
        self.kind, self.classes, self.texts = kind, list(artifact.classes), texts
        self._reader, self._answers, self._scorer = reader, answers, scorer

    def __repr__(self) -> str:
        return f"Predictor({str(self.path)!r}, {self.config['task']['_target_'].rpartition('.')[2]})"

    def predict(self, texts: Iterable[Any]) -> list[Any]:
        """What the run says of each text.

        A class (str), a list of classes, a number (float, in the unit of the training rows), or a list with a tag for
        each word, None for words beyond what the model reads.

        Raises:
            UserError: a text is none, or the run is a language model, which has no answer: see `score`.
        """
        self._labelling()
        answered = self.answer(self.texts.of_each(texts))
        self._tell(answered.cut)
        prediction = answered.columns["prediction"]
        return prediction.tolist() if isinstance(prediction, np.ndarray) else prediction

    def predict_proba(self, texts: Iterable[Any]) -> Any:
        """Probabilities of the classes, in the order of `classes`.

        (texts, classes) float32; of one class a text they sum to 1, of any number of classes each is by itself. Where
        words are tagged a list with (words, tags) float32 for each text, NaN for words beyond what the model reads.

        Raises:
            UserError: as `predict`, or the run answers with numbers.
        """
        if self.kind.labelled.is_a_number:
            raise UserError("This run answers with numbers, which have no probabilities: use predict.")
        answers = self._labelling()
        kept, cut = self._kept(self.texts.of_each(texts))
        self._tell(cut)
        return answers.probabilities(kept, self.classes)

    def predict_spans(self, texts: Iterable[Any]) -> list[list[Span]]:
        """The spans of words (names, slots) that tags mark; a UserError if they have no scheme (BIO, BIOES, BILOU)."""
        if not self.marks_spans:
            raise UserError(f"This run's tags mark no spans ({', '.join(self.classes[:5])}, ...): use predict.")
        return [spans_in(tags) for tags in self.predict(texts)]

    def score(self, texts: Iterable[Any]) -> Scores:
        """How likely texts are to a language model; a UserError if a text is none, or the run is no language model."""
        if self._scorer is None:
            raise UserError("This run is no language model, which alone tells how likely texts are: use predict.")
        scores, cut = self._scorer.score(self.texts.of_each(texts))
        self._tell(cut)
        return scores

    def predict_file(self, path: str | os.PathLike[str], output: str | os.PathLike[str], **options: Any) -> "Report":
        """Answer for every row of a file, and write the file again with the answers in columns of their own.

        CSV, TSV, JSON lines, Parquet, or plain text with a text a line, which becomes TSV; all but Parquet also with
        .gz. A few thousand rows are in memory at a time. `output` is there once it is whole.

        Args:
            path: the file.
            output: where to; its ending is that of `path`.
            **options: as `prediction_files.Options`: resume, overwrite, text_column, ...

        Raises:
            UserError: the file can't be read, lacks a column, or `output` is there already.
        """
        from sweepformer.inference.prediction_files import Options, predict_file  # what it needs loads slowly

        return predict_file(self, Path(path), Path(output), Options(**options))

    def explain(
        self, texts: Iterable[Any], label: str | None = None, word: int | str | None = None
    ) -> "list[Explanation]":
        """What each word of each text adds to the answer, by integrated gradients (docs/explain.md).

        It is computed in float32, whatever the run's precision.

        Args:
            texts: as `predict` takes them.
            label: the class, label or tag to explain; None: what is predicted; of several labels each, of none the
                most likely one.
            word: where words are tagged the one to explain, itself or its place from 0; None: the first in a span.

        Raises:
            UserError: as `predict`, there is no such label or word, or the run's model can't be explained.
        """
        written = self.texts.of_each(texts)
        places = [f"row {number} of those given" for number in range(1, len(written) + 1)]
        return list(self.explain_written(written, places, label, word))

    def explain_written(
        self, written: Sequence[str], places: Sequence[str], label: str | None = None, word: int | str | None = None
    ) -> "Iterator[Explanation]":
        """As `explain`, of texts that `self.texts` wrote. places: where each stands, for messages."""
        from sweepformer.inference.explanation.explainer import Explainer  # not needed by those who only predict

        explainer = Explainer(self._reader, self._labelling(), self.classes, label, word)
        for text, place in zip(written, places, strict=True):
            try:
                yield explainer.explain(text)
            except UserError as error:
                raise UserError(f"{place}: {error}") from error

    def answer(self, written: Sequence[str], first: int = 0) -> Answered:
        """All there is to say of texts that `self.texts` wrote, as columns.

        prediction, and `probability_<class>` (float32) of classes; of language models loss, perplexity (float32) and
        tokens (int64). first: place of the first text among all that are asked for, which language models go by.
        """
        if self._scorer is not None:
            scores, cut = self._scorer.score(written, first)
            return Answered({"loss": scores.loss, "perplexity": scores.perplexity, "tokens": scores.tokens}, cut)
        kept, cut = self._kept(written)
        return Answered(self._labelling().columns(kept, self.classes) if written else {"prediction": []}, cut)

    @property
    def column_types(self) -> dict[str, str]:
        """What stands in the columns of `answer`: "string", "strings" or a dtype; "spans" where tags mark them."""
        if self._answers is None:
            return COLUMNS
        return self._answers.types(self.classes) | ({"spans": "spans"} if self.marks_spans else {})

    @property
    def temperature(self) -> float:
        """What logits are divided by for the probabilities of one class a text; 1 where there is none."""
        return float(self._answers.temperature) if self._answers is not None else 1.0

    @property
    def scale(self) -> float:
        """The standard deviation of the training rows' numbers; 1 where rows have none."""
        return float(self._answers.scale) if self._answers is not None else 1.0

    @property
    def goes_by_place(self) -> bool:
        """Whether what is said of a text depends on its place among those given, which decides what is hidden of it."""
        return self._scorer is not None and not self._scorer.causal

    @property
    def marks_spans(self) -> bool:
        """Whether the tags are those of spans."""
        from sweepformer.data.spans import scheme_of  # what it needs loads slowly

        return self.kind.labelled.is_of_words and scheme_of(self.classes) is not None

    @property
    def what_is_read(self) -> str:
        """Of texts that are too long, in words."""
        read = Truncation.of(self.config)
        return f"{PARTS_READ.get(read.part, 'a part')} was read, model.max_length={read.max_length} tokens"

    def _labelling(self) -> Answers:
        if self._answers is None:
            raise UserError(
                "This run is a language model: it tells how likely texts are, and has no label for them. Use score."
            )
        return self._answers

    def _kept(self, written: Sequence[str]) -> tuple[Kept, np.ndarray]:
        answers, parts = self._labelling(), []
        for read in self._reader.read(written):
            kept = {"rows": read.rows, "cut": read.cut, **answers.of(read.logits, read.words)}
            parts.append({name: one.cpu() if isinstance(one, Tensor) else one for name, one in kept.items()})
        if not parts:
            return {}, np.zeros(0, dtype=bool)
        kept = in_order(parts)[1]
        return kept, kept.pop("cut")

    def _tell(self, cut: np.ndarray) -> None:
        if cut.any():
            log.warning("%s texts are too long to be read whole: %s", f"{cut.sum():,}", self.what_is_read)


def spans_in(tags: Sequence[str | None]) -> list[Span]:
    """The spans that the tags of a text's words mark; None: no answer, and in no span."""
    from sweepformer.data.spans import OUTSIDE, spans_of

    mentions = spans_of([tag or OUTSIDE for tag in tags])
    return [Span(mention.type, mention.span.start, mention.span.end) for mention in mentions]


def described_spans(tags: Sequence[str | None], text: str) -> list[dict[str, Any]]:
    """The spans of a row by `type`, `start`, `end` (words, from 0) and `text`. text: as `Predictor.texts` wrote it."""
    words = split_words(text)
    return [{**span._asdict(), "text": " ".join(words[span.start : span.end])} for span in spans_in(tags)]
