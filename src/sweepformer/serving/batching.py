"""Requests that come while others are answered are answered together, next."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from sweepformer.serving.answering import Said
from sweepformer.serving.requests import Refused

TEXTS_AT_ONCE = 512  # in a batch, unless one request has more: the first of them waits until the last is read

Answer = Callable[[list[list[str]]], list[list[Said] | Refused]]


class _Waiting(NamedTuple):
    texts: list[str]
    said: asyncio.Future[list[Said]]


class Batcher:
    """Gathers requests while a batch is answered in a thread of its own, so that nobody waits for a batch to fill.

    Requests are answered in the order in which they came. Used from one event loop.

    Args:
        answer: called with the texts of several requests; gives what is said of each request's, or why nothing is, and
            never raises.
        most: texts that may wait for an answer.

    Attributes:
        texts: how many wait for an answer now, those that are being answered among them.
    """

    def __init__(self, answer: Answer, most: int) -> None:
        self._answer, self._most, self.texts = answer, most, 0
        self._waiting: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, "answers")
        self._work: asyncio.Task[None] | None = None

    async def ask(self, texts: list[str]) -> list[Said]:
        """What is said of each text.

        Raises:
            Refused: 503, too many texts are waiting; 500, the run failed at these.
        """
        if self.texts + len(texts) > self._most:
            raise Refused(
                503, f"{self.texts:,} texts are waiting, and at most {self._most:,} may: ask again in a moment."
            )
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
            answers = await loop.run_in_executor(self._thread, self._answer, [one.texts for one in batch])
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
