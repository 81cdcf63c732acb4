"""Requests a second to `src.serve`, a text each, beside a loop that calls `predict` for one text after another.

    python -m benchmarks.serving
    python -m benchmarks.serving --docs             # puts the recorded figures into the docs

Every answer is compared with what `predict` says of the text; whatever is another, or no answer, is an error. Clients
keep their connections, and ask again as soon as they are answered. They, the server and the loop share one machine:
the loop and the numbers of clients take turns, and ratios are those within a turn. Of the processor's time only
what the server (or the loop) takes is counted: where others use the machine too, it tells more than the clock.
"""

import argparse
import asyncio
import itertools
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.record import RESULTS, ROOT, record, run
from benchmarks.tables import markdown, write_table
from sweepformer import Predictor, load
from sweepformer.models.attention import use_fast_float32

OVERRIDES = ["trainer=cpu", "data.max_rows=12000", "trainer.max_epochs=2", "logger=none"]  # model=small, icd10
CLIENTS = {1: 0.02, 8: 0.08, 64: 0.9}  # how many at once, and their share of all requests
TURNS = 10
LOOP = "loop"
CALLS = 200  # of the loop in a turn
PERCENTILES = {"p50": 50, "p95": 95, "p99": 99}


class Server(NamedTuple):
    """A server that runs. address: host and port."""

    address: tuple[str, int]
    process: subprocess.Popen[str]

    @property
    def of_cpu(self) -> float:
        """Milliseconds of the processor that it has taken."""
        about = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8")
        user, system = about.rpartition(")")[2].split()[11:13]
        return 1000 * (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    @property
    def megabytes(self) -> float:
        """Of memory that it holds."""
        about = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(re.search(r"VmRSS:\s+(\d+)", about)[1]) / 1000  # type: ignore[index]


class Turn(NamedTuple):
    """per_second: texts; milliseconds: each took; of_cpu: milliseconds of the processor that whoever answered took for
    all of them; errors: what was wrong with those that were.
    """

    per_second: float
    milliseconds: list[float]
    of_cpu: float
    errors: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--work", type=Path, default=Path("outputs/benchmark-serving"), help="where the run is trained")
    parser.add_argument("--docs", action="store_true", help="measure nothing, put what is recorded into the docs")
    options = parser.parse_args()
    if options.docs:
        write_table("serving", recorded_table())
        return
    work = options.work.absolute()
    run([*OVERRIDES, f"hydra.run.dir={work / 'run'}"], work)
    result = measure(work / "run", options.requests)
    print(json.dumps(result["measured"], indent=1))
    print("written:", record("serving", {"overrides": OVERRIDES, **result}))


def measure(trained: Path, requests: int) -> dict[str, Any]:
    """Everything, in turns."""
    use_fast_float32()
    predictor = load(trained)
    texts = texts_of_test(trained)
    expected = dict(zip(texts, predictor.predict(texts), strict=True))
    endless = itertools.cycle(texts)
    turns: dict[Any, list[Turn]] = {who: [] for who in (LOOP, *CLIENTS)}
    with served(trained) as server:
        asyncio.run(ask(server, endless, 1, 50, expected))  # what is slow once only
        memory = [server.megabytes]
        for _ in range(TURNS):
            turns[LOOP].append(loop(predictor, endless, CALLS))
            for clients, share in CLIENTS.items():
                count = round(requests * share / TURNS)
                turns[clients].append(asyncio.run(ask(server, endless, clients, count, expected)))
            print({who: round(some[-1].per_second) for who, some in turns.items()}, flush=True)
            memory.append(server.megabytes)
    return {
        "threads": torch.get_num_threads(),
        "requests": sum(len(turn.milliseconds) for who in CLIENTS for turn in turns[who]),
        "errors": [error for who in CLIENTS for turn in turns[who] for error in turn.errors][:20],
        "server_megabytes": [round(one, 1) for one in memory],
        "measured": {str(who): _summary(some, turns[LOOP]) for who, some in turns.items()},
    }


def _summary(turns: list[Turn], loops: list[Turn]) -> dict[str, Any]:
    took = np.concatenate([turn.milliseconds for turn in turns])
    ratios = [turn.per_second / loop.per_second for turn, loop in zip(turns, loops, strict=True)]
    return {
        "texts": len(took),
        "errors": sum(len(turn.errors) for turn in turns),
        "per_second": statistics.median(turn.per_second for turn in turns),
        "over_loop": statistics.median(ratios),
        "milliseconds": {
            **{name: float(np.percentile(took, percent)) for name, percent in PERCENTILES.items()},
            "max": float(took.max()),
        },
        "cpu_milliseconds_per_text": statistics.median(turn.of_cpu / len(turn.milliseconds) for turn in turns),
        "per_second_by_turn": [turn.per_second for turn in turns],
    }


def texts_of_test(trained: Path) -> list[str]:
    """Those of the run's test split, in their order."""
    from sweepformer.data.corpus import prepare

    config = json.loads((trained / ".hydra" / "config.json").read_text(encoding="utf-8"))
    store = prepare(config["data"], config["tokenizer"], config["seed"], "class")
    return list(dict.fromkeys(store.splits["test"].texts))


def loop(predictor: Predictor, texts: Iterator[str], calls: int) -> Turn:
    """One text after another, in this process."""
    took, began, before = [], time.perf_counter(), time.process_time()
    for text in itertools.islice(texts, calls):
        asked = time.perf_counter()
        predictor.predict([text])
        took.append(1000 * (time.perf_counter() - asked))
    return Turn(calls / (time.perf_counter() - began), took, 1000 * (time.process_time() - before), [])


@contextmanager
def served(trained: Path) -> Iterator[Server]:
    """`src.serve` in a process of its own, at a free port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "src.serve", str(trained), "--port", "0"],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://([\d.]+):(\d+)", process.stdout.readline())
        assert found is not None
        yield Server((found[1], int(found[2])), process)
    finally:
        process.send_signal(signal.SIGTERM)
        if process.wait(60):
            raise SystemExit(f"the server ended with {process.returncode}")


async def ask(server: Server, texts: Iterator[str], clients: int, count: int, expected: dict[str, Any]) -> Turn:
    """`count` requests by so many clients at once."""
    mine = itertools.islice(texts, count)  # whichever client is free takes the next
    milliseconds: list[float] = []
    errors: list[str] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection(*server.address)
        for text in mine:
            asked = time.perf_counter()
            try:
                status, answer = await exchange(reader, writer, json.dumps({"texts": [text]}).encode())
            except (OSError, EOFError, ValueError) as error:
                errors.append(repr(error))
                reader, writer = await asyncio.open_connection(*server.address)
                continue
            finally:
                milliseconds.append(1000 * (time.perf_counter() - asked))
            if status != 200 or answer["answers"][0]["prediction"] != expected[text]:
                errors.append(f"{status} {answer} for {text!r}")
        writer.close()

    began, before = time.perf_counter(), server.of_cpu
    await asyncio.gather(*(client() for _ in range(clients)))
    return Turn(count / (time.perf_counter() - began), milliseconds, server.of_cpu - before, errors)


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> tuple[int, Any]:
    """Status and JSON of one request: HTTP by hand, as a client's library would take longer than the server."""
    writer.write(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"\r\nContent-Length: (\d+)\r\n", head)
    assert found is not None
    return int(head.split(b" ", 2)[1]), json.loads(await reader.readexactly(int(found[1])))


def recorded_table() -> str:
    """What was measured, as Markdown."""
    measured = json.loads((RESULTS / "serving.json").read_text(encoding="utf-8"))["measured"]
    head = ["who asks", "texts", "a second", "of the loop", "ms of CPU a text", "answered in ms: half", "95 %", "99 %"]
    head.append("errors")
    return markdown(head, [_line(who, one) for who, one in measured.items()])


def _line(who: str, one: dict[str, Any]) -> list[str]:
    name = "a loop that calls `predict`" if who == LOOP else "1 client" if who == "1" else f"{who} clients at once"
    took = [f"{one['milliseconds'][name]:.1f}" for name in PERCENTILES]
    speed = [f"{one['per_second']:,.0f}", f"{one['over_loop']:.1f}x", f"{one['cpu_milliseconds_per_text']:.2f}"]
    return [name, f"{one['texts']:,}", *speed, *took, f"{one['errors']:,}"]


if __name__ == "__main__":
    main()
