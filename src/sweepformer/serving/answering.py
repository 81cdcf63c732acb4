"""What a run says of the texts of several requests at once: those that come while others are answered."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from sweepformer.inference.predictor import Predictor, described_spans
from sweepformer.serving.requests import Refused
from sweepformer.tasks.answers import PROBABILITY

log = logging.getLogger(__name__)

TEXTS_AT_ONCE = 512  # in a batch, unless one request has more: the first of them waits until the last is read

Said = dict[str, Any]  # of one text, as it becomes JSON


def answers_to(run: Predictor, requests: Sequence[Sequence[str]]) -> list[list[Said] | Refused]:
    """What is said of each text of each request, or why nothing is, as if each came alone: this doesn't raise.

    A request that the run fails at doesn't take the others with it.
    """
    if not run.goes_by_place and len(requests) > 1:
        try:
            said = iter(said_of(run, [text for texts in requests for text in texts]))
            return [list(islice(said, len(texts))) for texts in requests]
        except BaseException as error:  # a panic of the tokenizer's is no Exception
            log.warning("%s requests failed together (%r): each is tried alone", len(requests), error)
    answers: list[list[Said] | Refused] = []
    for texts in requests:
        try:
            answers.append(said_of(run, texts))
        except BaseException:
            log.exception("a request of %s texts failed", len(texts))
            answers.append(Refused())
    return answers


def said_of(run: Predictor, texts: Sequence[str]) -> list[Said]:
    """Of texts that `run.texts` wrote.

    `prediction`, and of classes `probabilities` by class, of tags that mark them `spans`; of language models `loss`,
    `perplexity` and `tokens`; `cut`: whether the text was too long to be read whole. None: NaN or infinite.
    """
    if not texts:
        return []
    columns, cut = run.answer(texts)
    said = {name: _plain(values) for name, values in columns.items() if not name.startswith(PROBABILITY)}
    if run.marks_spans:
        said["spans"] = [described_spans(tags, text) for tags, text in zip(said["prediction"], texts, strict=True)]
    if run.kind.labelled.has_classes:
        table = np.stack([columns[PROBABILITY + name] for name in run.classes], axis=1)
        said["probabilities"] = [dict(zip(run.classes, _plain(row), strict=True)) for row in table]
    said["cut"] = cut.tolist()
    return [dict(zip(said, values, strict=True)) for values in zip(*said.values(), strict=True)]


def _plain(values: Any) -> list[Any]:
    """A column as a list of what JSON can hold: no NaN, no infinity."""
    if not isinstance(values, np.ndarray):
        return list(values)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return [value if np.isfinite(value) else None for value in values.tolist()]
    return values.tolist()


class _Waiting(NamedTuple):
    texts: list[str]
    said: asyncio.Future[list[Said]]


class Batcher:
    """Gathers requests while a batch is answered in a thread of its own, so that nobody waits for a batch to fill.

    Requests are answered in the order in which they came. Used from one event loop.

    run: who answers; most: texts that may wait for an answer; texts: how many do now, those that are being answered
    among them.
    """

    def __init__(self, run: Predictor, most: int) -> None:
        self._run, self._most, self.texts = run, most, 0
        self._waiting: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, "answers")
        self._work: asyncio.Task[None] | None = None

    async def ask(self, texts: list[str]) -> list[Said]:
        """What is said of each text.

        Raises:
            Refused: 503, too many texts are waiting; 500, the run failed at these.
        """
        if self.texts + len(texts) > self._most:
            waiting = f"{self.texts:,} texts are waiting, and at most {self._most:,} may: ask again in a moment."
            raise Refused(503, waiting)
        said: asyncio.Future[list[Said]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(texts, said))
        self.texts += len(texts)
        try:
            if self._work is None:
                self._work = asyncio.create_task(self._answer_all())
            return await said
        finally:
            self.texts -= len(texts)

    def close(self) -> None:
        """Wait for the batch that is being answered, and begin no other."""
        self._thread.shutdown()

    async def _answer_all(self) -> None:
        """Batch after batch, until nobody waits."""
        loop = asyncio.get_running_loop()
        while batch := self._next():
            texts = [one.texts for one in batch]
            answers = await loop.run_in_executor(self._thread, answers_to, self._run, texts)
            for one, answer in zip(batch, answers, strict=True):
                if one.said.done():  # who asked has gone away
                    continue
                if isinstance(answer, Refused):
                    one.said.set_exception(answer)
                else:
                    one.said.set_result(answer)
        self._work = None

    def _next(self) -> list[_Waiting]:
        """Those that have waited longest; nothing of those who have gone away meanwhile."""
        batch: list[_Waiting] = []
        texts = 0
        while self._waiting and (not batch or texts + len(self._waiting[0].texts) <= TEXTS_AT_ONCE):
            one = self._waiting.popleft()
            if not one.said.done():
                batch.append(one)
                texts += len(one.texts)
        return batch
