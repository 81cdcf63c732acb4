"""python -m src.serve, as a user types it: where it listens, how it stops, and what it says of what can't be."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asking import Gate, loaded
from conftest import ROOT, Result, ended

from sweepformer.commands import serve as command
from sweepformer.serving.service import is_loopback

Finished = Callable[[str], Path]
Serve = Callable[..., Result]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Serve:
    """Call with the command's arguments."""

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["src/serve.py", *map(str, arguments)])
        return ended(command.main, capfd, tmp_path)

    return run


def asked(port: int, *texts: str) -> list[Any]:
    """The predictions."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/predict", json.dumps({"texts": texts}))
    return [one["prediction"] for one in json.load(connection.getresponse())["answers"]]


def listens(port: int) -> bool:
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0


def until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as there:
        return there.getsockname()[1]


def test_a_checkpoint_is_served_until_it_is_told_to_stop(finished: Finished) -> None:
    """A process of its own, whose address its first line tells."""
    checkpoint = loaded(finished("class")).path
    server = subprocess.Popen(
        [sys.executable, "-m", "src.serve", checkpoint, "--port", "0", "--device", "cpu"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    first = server.stdout.readline()  # type: ignore[union-attr]
    port = int(re.search(r"on http://127\.0\.0\.1:(\d+) ", first)[1])  # type: ignore[index]
    texts = ["the apple is red", "the house is blue"]
    assert asked(port, *texts) == loaded(finished("class")).predict(texts)
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(b"this is no HTTP\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.0 400 ")
    server.send_signal(signal.SIGTERM)
    out, err = server.communicate(timeout=60)
    assert server.returncode == 0, out + err
    assert "Traceback" not in err


@pytest.mark.parametrize(("told", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_what_was_asked_is_answered_before_it_stops(
    serve: Serve, finished: Finished, monkeypatch: pytest.MonkeyPatch, free_port: int, told: signal.Signals, code: int
) -> None:
    gate, answers = Gate(monkeypatch), []

    def user() -> None:
        until(lambda: listens(free_port))
        asking = threading.Thread(target=lambda: answers.extend(asked(free_port, "the apple is red")))
        asking.start()
        until(lambda: bool(gate.asked))
        os.kill(os.getpid(), told)
        until(lambda: not listens(free_port))
        gate.open()
        asking.join()

    someone = threading.Thread(target=user)
    someone.start()
    result = serve(finished("class"), "--port", free_port, "--device", "cpu")
    someone.join()
    assert result.code == code, result.screen
    assert answers == loaded(finished("class")).predict(["the apple is red"])
    assert f"on http://127.0.0.1:{free_port} (Ctrl-C stops)" in result.out
    assert "stopping once the texts that wait are answered (1)" in result.out


def test_a_port_in_use_is_told(serve: Serve, finished: Finished) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        result = serve(finished("tfidf"), "--port", port)
    assert result.code == 1
    assert f"Error: --port {port} is in use on 127.0.0.1: stop what listens there, or name another" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "203.0.113.7"], "can't listen on --host 203.0.113.7 --port 8000: Cannot assign requested address."),
        (["--port", "70000"], "--port 70000 is no port: there are 0 to 65535."),
        (["--max-texts", "0"], "--max-texts 0 must be at least 1."),
        (["--max-queue", "3"], "--max-queue 3 is less than --max-texts 500"),
    ],
)
def test_what_can_not_be_is_told_in_one_message(
    serve: Serve, finished: Finished, arguments: list[str], message: str
) -> None:
    result = serve(finished("tfidf"), *arguments)
    assert result.code == 1
    assert message in result.err
    assert "Traceback" not in result.screen


def test_a_missing_extra_says_which_one_to_install(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    result = serve("any")
    assert result.code == 1
    assert "Error: serve needs the extra [serve]: pip install -c constraints.txt -e '.[serve]'" in result.err


@pytest.mark.parametrize(
    ("host", "only_here"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("a.example", False)],
)
def test_an_address_that_others_may_reach_is_known(host: str, only_here: bool) -> None:
    assert is_loopback(host) == only_here
