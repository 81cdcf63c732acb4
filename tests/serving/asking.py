"""A real server at a free port, in this process, and clients that ask it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from sweepformer import Predictor, load
from sweepformer.serving.requests import Limits
from sweepformer.serving.service import Service, listening

loaded = cache(lambda path: load(path, device="cpu"))


def while_served(run: Path, scenario: Callable[[ClientSession], Awaitable[Any]], **limits: int) -> Any:
    """What `scenario` gives, which is called with a client whose paths are the server's."""

    async def serve() -> Any:
        async with (
            asyncio.timeout(60),
            listening(Service(loaded(run), Limits(**limits)), "127.0.0.1", 0) as address,
            ClientSession(address) as client,
        ):
            return await scenario(client)

    return asyncio.run(serve())


async def ask(client: ClientSession, *texts: Any, **options: Any) -> dict[str, Any]:
    """The answer to texts that can be answered."""
    async with client.post("/predict", json={"texts": texts, **options}) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "application/json"
        return await response.json()


async def texts_waiting(client: ClientSession, number: int) -> None:
    """Until so many texts wait for an answer."""
    while (await (await client.get("/health")).json()) != {"status": "ok", "texts_waiting": number}:
        await asyncio.sleep(0.01)


class Gate:
    """Stands before the answers of all runs: nothing is answered until it is opened.

    asked: how many texts each batch had; texts: all of them.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answer, self.asked, self.texts, self._opened = Predictor.answer, [], [], threading.Event()

        def answer_later(run: Predictor, written: list[str], first: int = 0) -> Any:
            self.asked.append(len(written))
            self.texts += written
            assert self._opened.wait(60)
            return answer(run, written, first)

        monkeypatch.setattr(Predictor, "answer", answer_later)
        self.open = self._opened.set
