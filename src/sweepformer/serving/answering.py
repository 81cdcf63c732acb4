"""What a run says of the texts of several requests at once."""

import logging
from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from sweepformer.inference.predictor import Predictor
from sweepformer.inference.spans import described_spans
from sweepformer.serving.requests import Refused
from sweepformer.tasks.answers import PROBABILITY

log = logging.getLogger(__name__)

Said = dict[str, Any]  # of one text, as it becomes JSON


class Answerer:
    """Answers for many requests together as it would for each alone. run: who answers."""

    def __init__(self, run: Predictor) -> None:
        self.run, self._with_spans = run, run.marks_spans

    def answer(self, requests: Sequence[Sequence[str]]) -> list[list[Said] | Refused]:
        """What is said of each text of each request, or why nothing is: this doesn't raise.

        A request that the run fails at doesn't take the others with it.
        """
        if self.run.goes_by_place or len(requests) == 1:
            return [self._alone(texts) for texts in requests]
        try:
            said = iter(self.said([text for texts in requests for text in texts]))
            return [list(islice(said, len(texts))) for texts in requests]
        except BaseException as error:  # a panic of the tokenizer's is no Exception
            log.warning("%s requests failed together (%r): each is tried alone", len(requests), error)
            return [self._alone(texts) for texts in requests]

    def said(self, texts: Sequence[str]) -> list[Said]:
        """Of texts that `run.texts` wrote.

        `prediction`, and of classes `probabilities` by class, of tags that mark them `spans`; of language models
        `loss`, `perplexity` and `tokens`; `cut`: whether the text was too long to be read whole. None: no number.
        """
        if not texts:
            return []
        columns, cut = self.run.answer(texts)
        said = {name: _plain(values) for name, values in columns.items() if not name.startswith(PROBABILITY)}
        if self._with_spans:
            said["spans"] = [described_spans(tags, text) for tags, text in zip(said["prediction"], texts, strict=True)]
        if self.run.kind.labelled.has_classes:
            said["probabilities"] = self._by_class(columns)
        said["cut"] = cut.tolist()
        return [dict(zip(said, values, strict=True)) for values in zip(*said.values(), strict=True)]

    def _by_class(self, columns: dict[str, np.ndarray]) -> list[dict[str, float]]:
        classes = self.run.classes
        table = np.stack([columns[PROBABILITY + name] for name in classes], axis=1)
        return [dict(zip(classes, _plain(row), strict=True)) for row in table]

    def _alone(self, texts: Sequence[str]) -> list[Said] | Refused:
        try:
            return self.said(texts)
        except BaseException:
            log.exception("a request of %s texts failed", len(texts))
            return Refused()


def _plain(values: Any) -> list[Any]:
    """A column as a list of what JSON can hold: no NaN, no infinity."""
    if not isinstance(values, np.ndarray):
        return list(values)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return [value if np.isfinite(value) else None for value in values.tolist()]
    return values.tolist()
