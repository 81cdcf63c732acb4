"""What a real server says to real requests: the answers of `predict`, whoever else asks, or why there is none."""

import asyncio
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientSession
from asking import Gate, ask, loaded, texts_waiting, while_served
from finished_runs import rows_of_test

from sweepformer import Predictor

Finished = Callable[[str], Path]


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


@pytest.mark.parametrize("name", ["class", "sets", "numbers", "tags", "pairs", "tfidf", "next", "masked"])
def test_requests_at_once_get_the_answers_of_predict(finished: Finished, name: str) -> None:
    run, texts = loaded(finished(name)), rows_of_test(name, finished(name))[0]

    async def each(client: ClientSession) -> list[dict[str, Any]]:
        answers = await asyncio.gather(*(ask(client, text) for text in texts))
        return [answer["answers"][0] for answer in answers]

    said = while_served(finished(name), each)
    if run.kind.labels == "nothing":
        alone = [run.score([text]) for text in texts]
        assert [one["tokens"] for one in said] == [score.tokens[0] for score in alone]
        expected = [None if np.isnan(score.loss[0]) else pytest.approx(score.loss[0], abs=1e-4) for score in alone]
        assert [one["loss"] for one in said] == expected
        return
    expected = run.predict(texts)
    if run.kind.labels == "number":
        expected = pytest.approx(expected, abs=1e-4)
    assert [one["prediction"] for one in said] == expected
    if run.kind.labels in ("class", "classes"):
        assert list(said[0]["probabilities"]) == run.classes
        shares = [list(one["probabilities"].values()) for one in said]
        np.testing.assert_allclose(shares, run.predict_proba(texts), atol=1e-5)
    if run.kind.labels == "tags":
        spans = [[(one["type"], one["start"], one["end"]) for one in row["spans"]] for row in said]
        assert spans == run.predict_spans(texts)


def test_texts_of_a_request_are_answered_in_their_order(finished: Finished) -> None:
    texts = rows_of_test("class", finished("class"))[0]

    async def all_in_one(client: ClientSession) -> tuple[Any, Any, Any]:
        return await ask(client, *texts), await ask(client, *texts, probabilities=False), await ask(client)

    whole, short, empty = while_served(finished("class"), all_in_one)
    predictions = loaded(finished("class")).predict(texts)
    assert [one["prediction"] for one in whole["answers"]] == predictions
    assert short["answers"] == [{"prediction": one, "cut": False} for one in predictions]
    assert empty == {"answers": []}


def test_a_text_too_long_for_the_model_is_answered_and_told(finished: Finished) -> None:
    async def short_and_long(client: ClientSession) -> dict[str, Any]:
        return await ask(client, "red", "the apple is red " * 20)

    answer = while_served(finished("tail"), short_and_long)
    assert [one["cut"] for one in answer["answers"]] == [False, True]
    assert "their end was read, model.max_length=6 tokens" in answer["note"]


def test_requests_that_come_meanwhile_are_answered_together(finished: Finished, gate: Gate) -> None:
    texts = rows_of_test("class", finished("class"))[0][:12]

    async def during_the_first(client: ClientSession) -> list[Any]:
        first = asyncio.create_task(ask(client, texts[0]))
        await texts_waiting(client, 1)
        others = [asyncio.create_task(ask(client, text)) for text in texts[1:]]
        await texts_waiting(client, 12)
        gate.open()
        return await asyncio.gather(first, *others)

    answers = while_served(finished("class"), during_the_first)
    assert gate.asked == [1, 11]
    expected = loaded(finished("class")).predict(texts)
    assert [answer["answers"][0]["prediction"] for answer in answers] == expected


def test_a_full_queue_turns_requests_away_until_there_is_room(finished: Finished, gate: Gate) -> None:
    async def three_for_two(client: ClientSession) -> tuple[int, str, Any, Any]:
        two = asyncio.create_task(ask(client, "red", "blue"))
        await texts_waiting(client, 2)
        async with client.post("/predict", json={"texts": ["green"]}) as third:
            refused = await third.json()
        gate.open()
        await two
        return third.status, third.headers["Retry-After"], refused, await ask(client, "green")

    status, wait, refused, answer = while_served(finished("class"), three_for_two, texts=2, queue=2)
    assert (status, wait) == (503, "1")
    assert refused == {"error": "2 texts are waiting, and at most 2 may: ask again in a moment."}
    assert len(answer["answers"]) == 1


def test_nobody_is_answered_who_has_gone_away(finished: Finished, gate: Gate) -> None:
    async def one_leaves(client: ClientSession) -> None:
        first = asyncio.create_task(ask(client, "red"))
        await texts_waiting(client, 1)
        leaver = asyncio.create_task(ask(client, "who leaves"))
        await texts_waiting(client, 2)
        leaver.cancel()
        await texts_waiting(client, 1)
        gate.open()
        await first
        await ask(client, "blue")

    while_served(finished("class"), one_leaves)
    assert gate.texts == ["red", "blue"]


def test_a_text_that_the_run_fails_at_fails_alone(
    finished: Finished, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read = Predictor.answer

    def answer(run: Predictor, written: list[str], first: int = 0) -> Any:
        if "poison" in written:
            raise ValueError("a secret of the server")
        return read(run, written, first)

    monkeypatch.setattr(Predictor, "answer", answer)

    async def three(client: ClientSession) -> list[tuple[int, Any]]:
        async def one(text: str) -> tuple[int, Any]:
            async with client.post("/predict", json={"texts": [text]}) as response:
                return response.status, await response.json()

        return await asyncio.gather(*map(one, ["red", "poison", "blue"]))

    answers = while_served(finished("class"), three)
    assert [status for status, _ in answers] == [200, 500, 200]
    assert answers[1][1] == {"error": "The server failed at this request; what happened is in its log."}
    assert "a secret of the server" in caplog.text


BAD = {
    "no JSON": (b"texts: red", 400, ["The body is not JSON", "line 1 column 1", '{"texts": ["a text", "another"]}']),
    "nothing": (b"", 400, ["The body is not JSON"]),
    "no UTF-8": (b'{"texts": ["\xff"]}', 400, ["The body is not JSON", "0xff"]),
    "nested": (b"[" * 100_000, 400, ["The body is not JSON"]),
    "a list": (b'["red"]', 422, ["The body is a list", '"texts" is needed']),
    "another key": (b'{"text": "red"}', 422, ["an object with 'text'", '"texts" is needed']),
    "one key more": (
        b'{"texts": ["red"], "probability": 1}',
        422,
        ["'probability'", "Did you mean probabilities?"],
    ),
    "no switch": (b'{"texts": ["red"], "probabilities": 1}', 422, ['"probabilities" is a number', "true or false"]),
    "one text": (b'{"texts": "red"}', 422, ['"texts" is a string', "a list of texts is needed"]),
    "null": (b'{"texts": null}', 422, ['"texts" is null']),
    "no text": (b'{"texts": ["red", " "]}', 422, ["Text 2: there is no text"]),
    "a number": (b'{"texts": [7]}', 422, ["Text 1: int 7 is not text"]),
    "two texts": (b'{"texts": [["red", "blue"]]}', 422, ["Text 1: list ['red', 'blue'] is not text"]),
    "half a character": (rb'{"texts": ["\ud800"]}', 422, ["half of a surrogate pair"]),
    "many": (json.dumps({"texts": ["red"] * 6}).encode(), 413, ["6 texts were given", "may have 5"]),
    "long": (json.dumps({"texts": ["r" * 101]}).encode(), 413, ["Text 1 has 101 characters", "may have 100"]),
    "large": (b'{"texts": ["%b"]}' % (b"r" * 3000), 413, ["The body has 3,015 bytes", "may have 2,000"]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_told_what_it_gave_and_what_is_allowed(finished: Finished, name: str) -> None:
    body, status, words = BAD[name]
    limits = {} if name == "nested" else {"body": 2000, "texts": 5, "characters": 100}

    async def bad_then_good(client: ClientSession) -> tuple[int, str]:
        async with client.post("/predict", data=body) as response:
            told = await response.text()
        await ask(client, "red")
        return response.status, told

    given, told = while_served(finished("tfidf"), bad_then_good, **limits)
    assert given == status, told
    assert told.count("\n") == 1
    assert json.loads(told).keys() == {"error"}
    assert all(word in json.loads(told)["error"] for word in words), told


def test_size_is_counted_of_what_is_sent_in_parts_or_packed(finished: Finished) -> None:
    body = b'{"texts": ["%b"]}' % (b"r" * 3000)

    async def parts() -> Any:
        yield body[:1000]
        yield body[1000:]

    async def both(client: ClientSession) -> list[tuple[int, str]]:
        packed = {"data": gzip.compress(body), "headers": {"Content-Encoding": "gzip"}}
        responses = [await client.post("/predict", **sent) for sent in ({"data": parts()}, packed)]
        return [(response.status, (await response.json())["error"]) for response in responses]

    for status, error in while_served(finished("tfidf"), both, body=2000):
        assert status == 413
        assert "a body may have 2,000" in error


def test_what_is_served_can_be_asked(finished: Finished) -> None:
    async def look_around(client: ClientSession) -> list[tuple[int, Any, Any]]:
        asked = [("GET", "/"), ("GET", "/health"), ("GET", "/etc/passwd"), ("GET", "/predict"), ("DELETE", "/health")]
        responses = [await client.request(method, path) for method, path in asked]
        return [(response.status, response.headers.get("Allow"), await response.json()) for response in responses]

    about, health, nothing, wrong, delete = while_served(finished("tags"), look_around)
    assert about[2]["task"] == "Tagging"
    assert about[2]["classes"] == loaded(finished("tags")).classes
    assert about[2]["a_text_is"] == "a list of words, or a string that white space cuts into words"
    assert about[2]["max_length"] == 7
    assert about[2]["limits"]["texts_in_a_request"] == 500
    assert str(finished("tags").parent.parent) not in json.dumps(about[2])
    assert health == (200, None, {"status": "ok", "texts_waiting": 0})
    there_are = "there are POST /predict, GET /health and GET /."
    assert nothing == (404, None, {"error": f"There is nothing at '/etc/passwd': {there_are}"})
    assert wrong == (405, "POST", {"error": "GET can't be asked of '/predict': POST can."})
    assert delete[0] == 405
