"""serve: answer over HTTP with a finished run."""

import argparse
import asyncio
import signal
from functools import partial
from importlib.util import find_spec

from sweepformer.commands.finished_runs import add_usual, carry_out, loaded, parser_of
from sweepformer.errors import UserError
from sweepformer.screen.command_line import install_line
from sweepformer.serving.requests import Limits


def main() -> None:
    """The command line."""
    carry_out(parser(), _serve)


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    limits = Limits()
    parser = parser_of(
        "serve",
        "Answer over HTTP with a finished run: JSON in and out. Requests that come while others are answered are "
        "answered together. Ctrl-C answers what has been asked, and stops.",
        or_else="an exported folder",
    )
    parser.epilog = (
        'To ask: curl -d \'{"texts": ["a text"]}\' http://127.0.0.1:8000/predict; '
        "GET / says what is served, GET /health whether it answers."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine's own alone)")
    parser.add_argument("--port", type=int, default=8000, help="default: 8000; 0: any that is free, which is told")
    for name, value, meaning in (
        ("body", limits.body, "bytes of a request's body"),
        ("texts", limits.texts, "texts in a request"),
        ("characters", limits.characters, "characters in a text; the model reads its first model.max_length tokens"),
        ("queue", limits.queue, "texts that wait for an answer; further requests are told to come again (503)"),
    ):
        told = f"{meaning} (default: {value:,})"
        parser.add_argument(f"--max-{name}", type=int, default=value, metavar="N", help=told)
    add_usual(parser)
    return parser


def _serve(options: argparse.Namespace) -> None:
    if not 0 <= options.port < 1 << 16:
        raise UserError(f"--port {options.port} is no port: there are 0 to {(1 << 16) - 1}.")
    limits = Limits(options.max_body, options.max_texts, options.max_characters, options.max_queue)
    if find_spec("aiohttp") is None:
        raise UserError(f"serve needs the extra [serve]: {install_line('serve')}")
    from sweepformer.serving.service import Service, serve  # torch loads here, so that --help need not wait for it

    answering = serve(Service(loaded(options), limits), options.host, options.port, partial(print, flush=True))
    if asyncio.run(answering) is signal.SIGINT:
        raise KeyboardInterrupt
