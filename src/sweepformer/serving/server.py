"""Where and how long a service listens."""

import asyncio
import errno
import ipaddress
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.http import HttpProcessingError

from sweepformer.errors import UserError
from sweepformer.serving.service import Service

SECONDS_TO_FINISH = 60  # what was asked before the server was told to stop
SECONDS_IDLE = 75  # that a connection may stay open for the next request
STOPS = (signal.SIGINT, signal.SIGTERM)


def serve(service: Service, host: str, port: int, tell: Callable[[str], None]) -> signal.Signals:
    """Answer until told to stop by SIGINT or SIGTERM, finish what was asked, and give the signal; a second one kills.

    host, port: as `listening` takes them; tell: is given lines for the user.

    Raises:
        UserError: it can't listen there.
    """
    return asyncio.run(_serve(service, host, port, tell))


async def _serve(service: Service, host: str, port: int, tell: Callable[[str], None]) -> signal.Signals:
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
            raise UserError(_why_not(host, port, error)) from error
        yield site.name
    finally:
        await runner.cleanup()


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"--port {port} is in use on {host}: stop what listens there, or name another (0: any that is free)."
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return f"can't listen on --host {host} --port {port}: {reason}."


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
