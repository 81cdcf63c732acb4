"""What can be asked of the server, and how it answers, always in JSON; where and how long it listens."""

import asyncio
import errno
import ipaddress
import json
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from aiohttp import web
from aiohttp.http import HttpProcessingError

from sweepformer.errors import UserError
from sweepformer.inference.predictor import Predictor
from sweepformer.serving.answering import Batcher
from sweepformer.serving.requests import FAILED, FORM, Limits, Refused, read_asked

log = logging.getLogger(__name__)

SECONDS_TO_SEND = 30  # a body, once its head has come
SECONDS_TO_RETRY = 1  # that a client is told to wait when the queue is full
SECONDS_TO_FINISH = 60  # what was asked before the server was told to stop
SECONDS_IDLE = 75  # that a connection may stay open for the next request
STOPS = (signal.SIGINT, signal.SIGTERM)
PATHS = "POST /predict, GET /health and GET /"


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Service:
    """A run's answers over HTTP. run: who answers; limits: of what may be asked."""

    def __init__(self, run: Predictor, limits: Limits) -> None:
        self.run, self.limits = run, limits
        self.batcher = Batcher(run, limits.queue)

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
        texts, with_probabilities = read_asked(await self._body(request), self.limits, self.run.texts)
        said = await self.batcher.ask(texts)
        if not with_probabilities:
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
        folder = run.path.absolute().parent  # of a run or an export; where on the server it is is not told
        folder = folder.parent if folder.name == "checkpoints" else folder
        words = "a list of words, or a string that white space cuts into words"
        strings = "a list of two strings" if run.texts.pairs else "a string"
        return _json(
            {
                "run": f"{folder.name}/{run.path.name}",
                "task": run.config["task"]["_target_"].rpartition(".")[2],
                "answers_with": "how likely a text is" if run.kind.is_language_model else run.kind.labelled.in_words,
                "classes": run.classes,
                "a_text_is": words if run.kind.labelled.is_of_words else strings,
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
async def _always_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    where = f"{request.path!r:.100}"
    try:
        return await handler(request)
    except Refused as refused:
        headers = {"Retry-After": str(SECONDS_TO_RETRY)} if refused.status == 503 else {}
        return _json({"error": str(refused)}, refused.status, headers)
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        message = f"{request.method} can't be asked of {where}: {allowed} can."
        return _json({"error": message}, 405, {"Allow": allowed})
    except web.HTTPNotFound:
        return _json({"error": f"There is nothing at {where}: there are {PATHS}."}, 404)
    except web.HTTPException as error:
        return _json({"error": error.reason}, error.status)
    except ConnectionError:  # who asked has gone away
        raise
    except Exception:
        log.exception("%s %s failed", request.method, where)
        return _json({"error": FAILED}, 500)


def _json(content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"
    return web.Response(text=text, status=status, headers=headers, content_type="application/json")


async def serve(service: Service, host: str, port: int, tell: Callable[[str], None]) -> signal.Signals:
    """Answer until told to stop by SIGINT or SIGTERM, finish what was asked, and give the signal; a second one kills.

    host, port: as `listening` takes them; tell: is given lines for the user.

    Raises:
        UserError: it can't listen there.
    """
    told = _told_to_stop()
    async with listening(service, host, port) as address:
        tell(f"serving {service.run.path} on {address} (Ctrl-C stops)")
        if not is_loopback(host):
            tell("whoever reaches this machine there can ask: no password is asked for, and nothing is encrypted")
        stopped_by = await told
        tell(f"stopping once the texts that wait are answered ({service.batcher.texts:,})")
    return stopped_by


def _told_to_stop() -> "asyncio.Future[signal.Signals]":
    """Has a result from the first signal on; a second one does what it would do anywhere."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[signal.Signals] = loop.create_future()

    def stop(by: signal.Signals) -> None:
        for one in STOPS:
            loop.remove_signal_handler(one)
        if not told.done():
            told.set_result(by)

    for one in STOPS:
        loop.add_signal_handler(one, stop, one)
    return told


@asynccontextmanager
async def listening(service: Service, host: str, port: int) -> AsyncIterator[str]:
    """Answer meanwhile; gives the URL. On leaving, requests that have come are answered, and no others.

    host: a name or address of this machine; port: 0 for any that is free.

    Raises:
        UserError: the port is in use, or it can't listen there.
    """
    server_log = logging.getLogger(f"{__name__}.http")
    server_log.addFilter(_without_traceback)
    runner = web.AppRunner(
        service.application(),
        access_log=None,
        logger=server_log,
        handler_cancellation=True,  # nobody is answered who has gone away
        keepalive_timeout=SECONDS_IDLE,
        shutdown_timeout=SECONDS_TO_FINISH,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                advice = "stop what listens there, or name another (0: any that is free)"
                raise UserError(f"--port {port} is in use on {host}: {advice}.") from error
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise UserError(f"can't listen on --host {host} --port {port}: {reason}.") from error
        yield site.name
    finally:
        await runner.cleanup()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host by this name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _without_traceback(record: logging.LogRecord) -> bool:
    """What is no HTTP is its sender's mistake, not ours: a line will do."""
    if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
        record.exc_info = None
    return True
