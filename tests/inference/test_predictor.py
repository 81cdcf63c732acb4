"""A finished run answers for texts as it did in its test, whoever asks and in whatever company they are."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import COLOURS, ROOT
from finished_runs import RUNS, rows_of_test

from sweepformer import UserError, load
from sweepformer.data.spans import spans_of
from sweepformer.inference import predictor

Finished = Callable[[str], Path]
TASKS = ["class", "sets", "numbers", "tags", "tfidf"]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said in warnings."""
    lines: list[str] = []
    monkeypatch.setattr(predictor.log, "warning", lambda message, *parts: lines.append(message % parts))
    return lines


@pytest.mark.parametrize("name", [name for name in RUNS if name not in ("next", "masked")])
def test_answers_are_those_of_the_runs_own_test(finished: Finished, name: str) -> None:
    texts, said = rows_of_test(name, finished(name))
    run = load(finished(name), device="cpu")
    predictions = run.predict(texts)
    if run.kind.labels == "number":
        assert predictions == pytest.approx([row["prediction"] for row in said], abs=1e-4)
        return
    assert predictions == [row["prediction"] for row in said]
    if run.kind.labels != "tags":
        assert run.classes == sorted(run.classes)
        expected = [[row[f"probability_{one}"] for one in run.classes] for row in said]
        tolerance = 2e-2 if name in ("averaged", "half") else 1e-5  # what 16 bits are worth
        np.testing.assert_allclose(run.predict_proba(texts), expected, atol=tolerance)


@pytest.mark.parametrize("name", ["next", "masked"])
def test_texts_are_as_likely_as_in_the_runs_own_test(finished: Finished, name: str) -> None:
    texts, said = rows_of_test(name, finished(name))
    run = load(finished(name), device="cpu")
    scores = run.score(texts)
    assert scores.tokens.tolist() == [row["tokens"] for row in said]
    np.testing.assert_allclose(scores.loss, [row["loss"] for row in said], rtol=1e-4)
    np.testing.assert_allclose(scores.perplexity, np.exp(scores.loss))
    with pytest.raises(UserError, match=r"language model.*Use score"):
        run.predict(texts)


@pytest.mark.parametrize("name", [*TASKS, "windows", "pairs", "averaged"])
def test_answers_do_not_depend_on_the_other_texts(finished: Finished, name: str) -> None:
    texts, _ = rows_of_test(name, finished(name))
    run = load(finished(name), device="cpu")
    together, turned = run.predict(texts), run.predict(texts[::-1])[::-1]
    alone = [run.predict([text])[0] for text in texts]
    if run.kind.labels == "number":
        assert together == pytest.approx(turned, abs=1e-4)
        assert together == pytest.approx(alone, abs=1e-4)
        return
    assert together == turned == alone
    if run.kind.labels != "tags":
        shares = [run.predict_proba([text])[0] for text in texts]
        tolerance = 2e-2 if name == "averaged" else 1e-5
        np.testing.assert_allclose(run.predict_proba(texts), shares, atol=tolerance)


@pytest.mark.parametrize("name", ["class", "tags", "masked"])
def test_threads_may_ask_at_once(finished: Finished, name: str) -> None:
    texts, _ = rows_of_test(name, finished(name))
    run = load(finished(name), device="cpu")
    ask = (lambda some: run.score(some).loss.tolist()) if name == "masked" else run.predict
    parts = [texts[start::7] for start in range(7)] * 6
    expected = [ask(part) for part in parts]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, parts)) == expected


def test_probabilities_are_of_the_classes_in_their_order(finished: Finished) -> None:
    texts, _ = rows_of_test("class", finished("class"))
    run = load(finished("class"))
    shares = run.predict_proba(texts)
    assert run.classes == sorted(COLOURS)
    assert shares.shape == (len(texts), 3)
    assert shares.dtype == np.float32
    assert [run.classes[best] for best in shares.argmax(1)] == run.predict(texts)
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-6)
    assert run.predict([]) == []
    assert run.predict_proba([]).shape == (0, 3)


def test_words_are_tagged_and_their_spans_told(finished: Finished) -> None:
    run = load(finished("tags"), device="cpu")
    text = "the apple Red Hill saw 5"
    (tags,), (again,) = run.predict([text]), run.predict([text.split()])
    assert len(tags) == 6
    assert tags == again
    (shares,) = run.predict_proba([text])
    answered = [best for best, tag in zip(shares.argmax(1), tags, strict=True) if tag is not None]
    assert [run.classes[best] for best in answered] == [tag for tag in tags if tag is not None]
    (spans,) = run.predict_spans([text])
    assert [(one.type, one.start, one.end) for one in spans] == [
        (one.type, one.span.start, one.span.end) for one in spans_of([tag or "O" for tag in tags])
    ]


def test_words_beyond_max_length_have_no_tag_and_that_is_told(finished: Finished, told: list[str]) -> None:
    run = load(finished("tags"), device="cpu")
    words = ["the"] * 9
    (tags,), (shares,) = run.predict([words]), run.predict_proba([words])
    assert [tag is None for tag in tags] == [False] * 7 + [True] * 2
    assert np.isnan(shares[7:]).all()
    assert not np.isnan(shares[:7]).any()
    assert "1 texts are too long to be read whole: their beginning was read, model.max_length=7 tokens" in told[0]


def test_the_tail_is_read_where_training_read_it(finished: Finished, told: list[str]) -> None:
    run = load(finished("tail"), device="cpu")
    long, short = run.predict_proba(["red " * 20 + "house is blue near a train", "house is blue near a train"])
    np.testing.assert_allclose(long, short, atol=1e-5)
    assert "too long to be read whole: their end was read, model.max_length=6 tokens" in told[0]


def test_only_torch_is_loaded(finished: Finished) -> None:
    program = (
        "import sys, sweepformer\n"
        "assert 'torch' not in sys.modules\n"
        f"from sweepformer import load\nprint(load({str(finished('class'))!r}).predict(['the apple is red']))\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=100)
    assert done.returncode == 0, done.stderr
    label, modules = done.stdout.splitlines()
    assert label.strip("[']") in COLOURS
    unwanted = {"hydra", "omegaconf", "pytorch_lightning", "lightning", "torchmetrics", "wandb", "tensorboard", "scipy"}
    assert not unwanted & set(json.loads(modules.replace("'", '"')))


@pytest.mark.parametrize(
    ("name", "texts", "words"),
    [
        ("class", "a text", ["brackets", "[text]"]),
        ("class", ["fine", ""], ["row 2", "no text"]),
        ("class", ["fine", 5], ["row 2", "int 5", "not text"]),
        ("class", [("a", "b")], ["row 1", "not text"]),
        ("pairs", ["a text"], ["row 1", "(text, other)"]),
        ("tags", [[]], ["row 1", "no words"]),
        ("tags", [["a", None]], ["row 1", "word 2", "no text"]),
    ],
)
def test_what_is_no_text_is_named(finished: Finished, name: str, texts: object, words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        load(finished(name)).predict(texts)  # type: ignore[arg-type]
    assert all(word in str(error.value) for word in words), error.value


def test_what_a_run_cannot_say_is_refused(finished: Finished) -> None:
    with pytest.raises(UserError, match="numbers, which have no probabilities"):
        load(finished("numbers")).predict_proba(["more"])
    with pytest.raises(UserError, match="no language model"):
        load(finished("class")).score(["red"])
    with pytest.raises(UserError, match="mark no spans"):
        load(finished("class")).predict_spans(["red"])
    with pytest.raises(UserError, match="device=tpu9 can't be used"):
        load(finished("class"), device="tpu9")


def test_code_of_others_is_run_only_if_it_is_allowed(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sweepformer.files.checkpoints import read_checkpoint, write_checkpoint

    (tmp_path / "their_parts.py").write_text("def shout(text): return text.upper()\n")
    monkeypatch.syspath_prepend(tmp_path)
    checkpoint = read_checkpoint(next((finished("class") / "checkpoints").glob("model-*.ckpt")))
    data = checkpoint["sweepformer"]["config"]["data"]
    data["transform"] = {"_target_": "their_parts.shout", "_partial_": True}
    write_checkpoint(tmp_path / "theirs.ckpt", checkpoint)
    with pytest.raises(UserError, match=r"their_parts is not a package .*\['their_parts'\]\), or --allow their_parts"):
        load(tmp_path / "theirs.ckpt")
    run = load(tmp_path / "theirs.ckpt", allowed_packages=["their_parts"])
    assert run.texts.of("loud", "here") == "LOUD"
    for name in ("sweepformer.files.atomic.write_text", "sweepformer.models.transformer.nn", "os.system"):
        checkpoint["sweepformer"]["config"]["model"]["_target_"] = name
        checkpoint["sweepformer"]["config"]["data"]["transform"] = None
        write_checkpoint(tmp_path / "bad.ckpt", checkpoint)
        with pytest.raises(UserError, match=name):
            load(tmp_path / "bad.ckpt")


def test_a_moved_run_is_the_same_run(finished: Finished, tmp_path: Path) -> None:
    texts, said = rows_of_test("class", finished("class"))
    moved = shutil.copytree(finished("class"), tmp_path / "elsewhere")
    assert load(moved).predict(texts) == [row["prediction"] for row in said]


def test_the_callers_random_numbers_stay_as_they_were(finished: Finished) -> None:
    path = finished("class")
    before = torch.get_rng_state()
    load(path).predict(["the apple is red"])
    assert torch.equal(torch.get_rng_state(), before)
