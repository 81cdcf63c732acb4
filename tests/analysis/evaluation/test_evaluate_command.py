"""python -m src.evaluate, as a user types it."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result, ended, write_rows
from finished_runs import RUNS, rows_of_test
from matplotlib.image import imread
from scipy.special import log_softmax
from sklearn.metrics import accuracy_score, f1_score

from sweepformer import load

Finished = Callable[[str], Path]
Evaluate = Callable[..., Result]


@pytest.fixture
def evaluate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Evaluate:
    """Call with the command's arguments, in a folder with rows.csv."""
    from sweepformer.commands.evaluate import main

    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "rows.csv", 40)

    def run(*arguments: object) -> Result:
        capfd.readouterr()  # what a run said that was trained for this
        monkeypatch.setattr(sys, "argv", ["src/evaluate.py", *map(str, arguments)])
        return ended(main, capfd, tmp_path)

    return run


@pytest.mark.parametrize("name", ["class", "sets", "numbers", "tags", "tfidf", "tagging_majority"])
def test_the_test_split_comes_to_what_the_run_says(evaluate: Evaluate, finished: Finished, name: str) -> None:
    run = finished(name)
    result = evaluate(run, "--json")
    assert result.code == 0, result.screen
    told = json.loads((run / "summary.json").read_text())["metrics"]
    found = json.loads(result.out)["metrics"]
    assert {"acc", "f1"} <= set(found) or "mae" in found
    assert ("loss" in found) == ("tag" not in name)
    for metric, one in found.items():
        assert one["value"] == pytest.approx(told[f"test_{metric}"], abs=2e-3), metric
        if "low" in one:
            assert one["low"] <= one["value"] <= one["high"]


def test_the_test_of_other_weights_is_not_taken_for_theirs(evaluate: Evaluate, finished: Finished) -> None:
    last = finished("class") / "checkpoints" / "last.ckpt"
    result = evaluate(last)
    assert result.code == 1
    assert "is not what a run was tested with: name labelled data" in result.screen


def test_new_rows_are_answered_and_measured(evaluate: Evaluate, finished: Finished, tmp_path: Path) -> None:
    rows = list(csv.DictReader((tmp_path / "rows.csv").open()))
    rows[3]["label"], rows[5]["label"] = "blue" if rows[3]["label"] != "blue" else "red", ""
    with (tmp_path / "changed.csv").open("w") as file:
        writer = csv.DictWriter(file, ["text", "label"])
        writer.writeheader()
        writer.writerows(rows)
    result = evaluate(finished("class"), "changed.csv", "--output", "found")
    assert result.code == 0, result.screen
    asked = [row for row in rows if row["label"]]
    given = load(finished("class")).predict([row["text"] for row in asked])
    true = [row["label"] for row in asked]
    written = json.loads((tmp_path / "found" / "evaluation.json").read_text())
    assert written["rows"] == 39
    assert written["metrics"]["acc"]["value"] == pytest.approx(accuracy_score(true, given))
    assert written["metrics"]["f1"]["value"] == pytest.approx(f1_score(true, given, average="macro"), abs=1e-6)
    assert sum(map(sum, written["confusion"])) == 39
    said = load(finished("class")).predict_proba([row["text"] for row in asked])
    assert written["temperature"] != 1
    hot = log_softmax(written["temperature"] * np.log(said), axis=1)
    places = [written["classes"].index(one) for label in true for one in written["classes"] if one["name"] == label]
    assert written["metrics"]["loss"]["value"] == pytest.approx(-hot[range(39), places].mean(), abs=1e-4)
    assert "1 rows have no label and are left out" in result.out
    mistakes = list(csv.DictReader((tmp_path / "found" / "mistakes.csv").open()))
    assert rows[3]["text"] in {mistake["text"] for mistake in mistakes}
    assert [mistake["text"] for mistake in mistakes] == [mistake["text"] for mistake in written["mistakes"]]
    for picture in ("confusion.png", "reliability.png"):
        assert imread(tmp_path / "found" / picture).std() > 0.01


def test_the_file_of_the_test_comes_to_what_the_run_says(
    evaluate: Evaluate, finished: Finished, tmp_path: Path
) -> None:
    texts, said = rows_of_test("sets", finished("sets"))
    rows = [{"text": text, "label": ";".join(row["label"])} for text, row in zip(texts, said, strict=True)]
    assert any(not row["label"] for row in rows)  # has none of the labels, and counts
    with (tmp_path / "sets.csv").open("w") as file:
        writer = csv.DictWriter(file, ["text", "label"])
        writer.writeheader()
        writer.writerows(rows)
    result = evaluate(finished("sets"), "sets.csv", "--json")
    assert result.code == 0, result.screen
    told = json.loads((finished("sets") / "summary.json").read_text())["metrics"]
    found = json.loads(result.out)
    assert found["rows"] == len(rows)
    for metric, one in found["metrics"].items():
        assert one["value"] == pytest.approx(told[f"test_{metric}"], abs=2e-3), metric


def test_words_of_mistakes_are_told_apart(evaluate: Evaluate, finished: Finished, tmp_path: Path) -> None:
    (tmp_path / "tagged.jsonl").write_text('{"tokens": ["the", "apple"], "tags": ["B-COL", "I-COL"]}\n')
    result = evaluate(finished("tags"), "tagged.jsonl", "--output", "found")
    assert result.code == 0, result.screen
    (mistake,) = csv.DictReader((tmp_path / "found" / "mistakes.csv").open())
    assert mistake["text"] == "the apple"


def test_labels_that_the_run_does_not_know_count_as_missed(
    evaluate: Evaluate, finished: Finished, tmp_path: Path
) -> None:
    (tmp_path / "new.csv").write_text("text,label\nthe apple is red,red\nthe apple is pink,pink\n")
    result = evaluate(finished("class"), "new.csv")
    assert result.code == 0, result.screen
    assert "1 rows have labels that the run does not know, which count as missed: 'pink'" in result.out


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        ("text\nthe apple is red\n", [], "no column of labels"),
        ("text,label\nthe apple is red,pink\n", [], "the run knows none of the labels. They are 'pink'"),
        ("text,label\nthe apple is red,\n", [], "no row with a text and a label"),
        ("text,label\n", [], "no row"),
        ("word,label\nthe apple is red,red\n", [], "no column 'text'"),
        ("text,label\nthe apple is red,red\n", ["--label-column", "lable"], "no column 'lable'"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    evaluate: Evaluate, finished: Finished, tmp_path: Path, content: str, options: list[str], says: str
) -> None:
    (tmp_path / "data.csv").write_text(content)
    result = evaluate(finished("class"), "data.csv", *options)
    assert result.code == 1
    assert says in result.screen
    assert "Traceback" not in result.screen


def test_language_models_have_no_labels(evaluate: Evaluate, finished: Finished) -> None:
    result = evaluate(finished("next"), finished("next").parent / RUNS["next"][0])
    assert result.code == 1
    assert "language model" in result.screen


def test_rows_with_more_tags_than_words_are_refused(evaluate: Evaluate, finished: Finished, tmp_path: Path) -> None:
    (tmp_path / "tagged.jsonl").write_text('{"tokens": ["the", "apple"], "tags": ["O", "O", "O"]}\n')
    result = evaluate(finished("tags"), "tagged.jsonl", "--text-column", "tokens", "--label-column", "tags")
    assert result.code == 1
    assert "2 words and 3 tags" in result.screen
