"""What can be asked of the server, and how it answers: always in JSON, refusals and failures too."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aiohttp import web

from sweepformer.inference.predictor import Predictor
from sweepformer.serving.answering import Answerer, Batcher
from sweepformer.serving.requests import FAILED, FORM, Limits, Refused, read_asked

log = logging.getLogger(__name__)

SECONDS_TO_SEND = 30  # a body, once its head has come
SECONDS_TO_RETRY = 1  # that a client is told to wait when the queue is full
PATHS = "POST /predict, GET /health and GET /"


class Service:
    """A run's answers over HTTP. run: who answers; limits: of what may be asked."""

    def __init__(self, run: Predictor, limits: Limits) -> None:
        self.run, self.limits = run, limits
        self.batcher = Batcher(Answerer(run).answer, limits.queue)

    def application(self) -> web.Application:
        """To be run by aiohttp, once."""
        application = web.Application(middlewares=[_always_json], client_max_size=self.limits.body)
        application.router.add_get("/", self.about)
        application.router.add_get("/health", self.health)
        application.router.add_post("/predict", self.predict)
        application.cleanup_ctx.append(self._open)
        return application

    async def predict(self, request: web.Request) -> web.Response:
        """An item for each text, in their order."""
        asked = read_asked(await self._body(request), self.limits, self.run.texts)
        said = await self.batcher.ask(asked.texts)
        if not asked.probabilities:
            said = [{name: value for name, value in one.items() if name != "probabilities"} for one in said]
        answer: dict[str, Any] = {"answers": said}
        if any(one["cut"] for one in said):
            answer["note"] = f"Texts where cut is true are too long to be read whole: {self.run.what_is_read}."
        return _json(answer)

    async def health(self, request: web.Request) -> web.Response:
        """That it answers, and how much it has to do."""
        return _json({"status": "ok", "texts_waiting": self.batcher.texts})

    async def about(self, request: web.Request) -> web.Response:
        """What is served, and what may be asked."""
        run, limits = self.run, self.limits
        return _json(
            {
                "run": _name(run.path),
                "task": run.config["task"]["_target_"].rpartition(".")[2],
                "answers_with": "how likely a text is" if run.kind.is_language_model else run.kind.labelled.in_words,
                "classes": run.classes,
                "a_text_is": _a_text(run),
                "max_length": run.config["model"].get("max_length"),
                "limits": {
                    "body_bytes": limits.body,
                    "texts_in_a_request": limits.texts,
                    "characters_in_a_text": limits.characters,
                    "texts_waiting": limits.queue,
                },
                "ask": f"POST /predict {FORM}",
                "sweepformer": version("sweepformer"),
            }
        )

    async def _body(self, request: web.Request) -> bytes:
        most = f"a body may have {self.limits.body:,}"
        if (length := request.content_length or 0) > self.limits.body:
            raise Refused(413, f"The body has {length:,} bytes, and {most}.")
        try:
            async with asyncio.timeout(SECONDS_TO_SEND):
                return await request.read()
        except TimeoutError as error:
            raise Refused(408, f"The body had not come after {SECONDS_TO_SEND} seconds.") from error
        except web.HTTPRequestEntityTooLarge as error:
            raise Refused(413, f"The body has more bytes than are allowed: {most}.") from error
        except web.RequestPayloadError as error:
            raise Refused(400, f"The body can't be read ({error}).") from error

    async def _open(self, application: web.Application) -> AsyncIterator[None]:
        yield
        self.batcher.close()


@web.middleware
async def _always_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    where = f"{request.path!r:.100}"
    try:
        return await handler(request)
    except Refused as refused:
        headers = {"Retry-After": str(SECONDS_TO_RETRY)} if refused.status == 503 else {}
        return _refusal(refused.status, str(refused), headers)
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        return _refusal(405, f"{request.method} can't be asked of {where}: {allowed} can.", {"Allow": allowed})
    except web.HTTPNotFound:
        return _refusal(404, f"There is nothing at {where}: there are {PATHS}.")
    except web.HTTPException as error:
        return _refusal(error.status, error.reason)
    except ConnectionError:  # who asked has gone away
        raise
    except Exception:
        log.exception("%s %s failed", request.method, where)
        return _refusal(500, FAILED)


def _refusal(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return _json({"error": message}, status, headers)


def _json(content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"
    return web.Response(text=text, status=status, headers=headers, content_type="application/json")


def _name(weights: Path) -> str:
    """Of what is served: the folder of its run or export, and the file; where on the server they are is not told."""
    folder = weights.absolute().parent
    return f"{(folder.parent if folder.name == 'checkpoints' else folder).name}/{weights.name}"


def _a_text(run: Predictor) -> str:
    if run.kind.labelled.is_of_words:
        return "a list of words, or a string that white space cuts into words"
    return "a list of two strings" if run.texts.pairs else "a string"
