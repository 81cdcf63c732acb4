"""serve: answer over HTTP with a finished run."""

import argparse
import logging
import signal
import sys
from importlib.util import find_spec

from sweepformer.commands.endings import in_one_message
from sweepformer.errors import UserError
from sweepformer.screen.command_line import command_line, install_line
from sweepformer.serving.requests import Limits


def main() -> None:
    """The command line."""
    options = parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    with in_one_message():
        if _serve(options) is signal.SIGINT:
            raise KeyboardInterrupt


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    limits = Limits()
    parser = argparse.ArgumentParser(
        prog=command_line("serve"),
        description="Answer over HTTP with a finished run: JSON in and out. Requests that come while others are "
        "answered are answered together. Ctrl-C answers what has been asked, and stops.",
        epilog='To ask: curl -d \'{"texts": ["a text"]}\' http://127.0.0.1:8000/predict; '
        "GET / says what is served, GET /health whether it answers.",
    )
    parser.add_argument("run", help="a run's directory, a sweep's (its best run), a checkpoint, or an exported folder")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine's own alone)")
    parser.add_argument("--port", type=int, default=8000, help="default: 8000; 0: any that is free, which is told")
    parser.add_argument("--device", default="auto", help="auto (default: a GPU if there is one), cpu, cuda, cuda:1")
    for name, value, meaning in (
        ("body", limits.body, "bytes of a request's body"),
        ("texts", limits.texts, "texts in a request"),
        ("characters", limits.characters, "characters in a text; the model reads its first model.max_length tokens"),
        ("queue", limits.queue, "texts that wait for an answer; further requests are told to come again (503)"),
    ):
        parser.add_argument(
            f"--max-{name}", type=int, default=value, metavar="N", help=f"{meaning} (default: {value:,})"
        )
    parser.add_argument(
        "--allow", action="append", default=[], metavar="PACKAGE", help="run code of this package, if the run names it"
    )
    return parser


def _serve(options: argparse.Namespace) -> signal.Signals:
    if not 0 <= options.port < 1 << 16:
        raise UserError(f"--port {options.port} is no port: there are 0 to {(1 << 16) - 1}.")
    limits = Limits(options.max_body, options.max_texts, options.max_characters, options.max_queue)
    if find_spec("aiohttp") is None:
        raise UserError(f"serve needs the extra [serve]: {install_line('serve')}")
    from sweepformer.inference.loading import load  # torch loads here, so that --help need not wait for it
    from sweepformer.models.attention import use_fast_float32
    from sweepformer.serving.server import serve
    from sweepformer.serving.service import Service

    use_fast_float32()
    run = load(options.run, device=options.device, allowed_packages=options.allow)
    if run.chosen:
        print(f"{run.chosen}: {run.path}", file=sys.stderr)
    return serve(Service(run, limits), options.host, options.port, _tell)


def _tell(line: str) -> None:
    print(line, flush=True)
