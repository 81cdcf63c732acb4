"""A finished run answers for whatever it could have been trained on, in whatever form."""

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from conftest import Result, ended, write_tagged

from sweepformer import load

Finished = Callable[[str], Path]
Ask = Callable[..., Result]
TEXTS = ["the apple is red", "the sea is blue", "the grass is green", "a red house", "a blue door"]
LABELS = ["red", "blue", "green", "red", "blue"]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Ask:
    """Call with a verb and its arguments, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(verb: str, *arguments: object) -> Result:
        from src.evaluate import main as evaluate
        from src.explain import main as explain
        from src.predict import main as predict

        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", [f"src/{verb}.py", *map(str, arguments)])
        return ended({"predict": predict, "evaluate": evaluate, "explain": explain}[verb], capfd, tmp_path)

    return run


def as_folder(path: Path) -> None:
    for number, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True)):
        (path / "test" / label).mkdir(parents=True, exist_ok=True)
        (path / "test" / label / f"{number}.txt").write_text(text, encoding="utf-8")


def as_lines(path: Path) -> None:
    path.mkdir()
    for name in sorted(set(LABELS)):
        lines = [text for text, label in zip(TEXTS, LABELS, strict=True) if label == name]
        (path / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")


def as_dataset(path: Path) -> None:
    names = sorted(set(LABELS))
    features = {"label": {"_type": "ClassLabel", "names": names}}
    table = pyarrow.table({"text": TEXTS, "label": [names.index(label) for label in LABELS]})
    path.mkdir()
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pyarrow.parquet.write_table(table, path / "test.parquet")


def as_file(form: Callable[[], str]) -> Callable[[Path], Any]:
    return lambda path: path.write_text(form(), encoding="utf-8")


FORMS: dict[str, Callable[[Path], Any]] = {
    "folder": as_folder,
    "file_a_class": as_lines,
    "dataset": as_dataset,
    "rows.fasttext.txt": as_file(lambda: "".join(f"__label__{b} {a}\n" for a, b in zip(TEXTS, LABELS, strict=True))),
    "rows.txt": as_file(lambda: "text;label\n" + "".join(f"{a};{b}\n" for a, b in zip(TEXTS, LABELS, strict=True))),
    "rows.json": as_file(lambda: json.dumps([{"text": a, "label": b} for a, b in zip(TEXTS, LABELS, strict=True)])),
    "rows.csv": as_file(lambda: "text;label\n" + "".join(f"{a};{b}\n" for a, b in zip(TEXTS, LABELS, strict=True))),
}


@pytest.mark.parametrize("name", FORMS)
def test_what_can_be_trained_on_is_answered_and_measured(
    ask: Ask, finished: Finished, tmp_path: Path, name: str
) -> None:
    FORMS[name](tmp_path / name)
    run = finished("class")
    result = ask("predict", run, name, "--output", "out.jsonl" if name == "rows.json" else "out.csv")
    assert result.code == 0, result.screen
    if name == "rows.json":
        rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    else:
        text = (tmp_path / "out.csv").read_text(encoding="utf-8")
        rows = list(csv.DictReader(io.StringIO(text), delimiter=";" if name in ("rows.csv", "rows.txt") else ","))
    answers = dict(zip(TEXTS, load(run).predict(TEXTS), strict=True))
    assert {row["text"]: (row["label"], row["prediction"]) for row in rows} == {
        text: (label, answers[text]) for text, label in zip(TEXTS, LABELS, strict=True)
    }
    right = sum(answers[text] == label for text, label in zip(TEXTS, LABELS, strict=True))
    assert f"{right} of 5 labelled rows are right" in result.err
    assert "5 rows" in ask("evaluate", run, name).out
    assert "the apple is red" in ask("explain", run, name, "--rows", 5).out.replace("\n", " ")


def test_lines_that_are_no_table_are_texts(ask: Ask, finished: Finished, tmp_path: Path) -> None:
    (tmp_path / "rows.txt").write_text('the apple, "is red\nthe sea, is blue\n', encoding="utf-8")
    result = ask("predict", finished("class"), "rows.txt", "--no-probabilities")
    assert result.code == 0, result.screen
    assert [row["text"] for row in csv.DictReader(io.StringIO(result.out), delimiter="\t")] == [
        'the apple, "is red',
        "the sea, is blue",
    ]


def test_conll_comes_out_with_one_more_column(ask: Ask, finished: Finished, tmp_path: Path) -> None:
    write_tagged(tmp_path / "rows.conll")
    given = [line.split() for line in (tmp_path / "rows.conll").read_text(encoding="utf-8").splitlines()]
    assert ask("predict", finished("tags"), "rows.conll", "--output", "out.conll").code == 0
    said = [line.split("\t") for line in (tmp_path / "out.conll").read_text(encoding="utf-8").splitlines()]
    said = [[] if columns == [""] else columns for columns in said]
    assert [columns[:2] for columns in said if columns] == [columns for columns in given if columns]
    assert all(len(columns) == 3 for columns in said if columns)
    assert "words are right" in ask("predict", finished("tags"), "rows.conll", "--no-probabilities").err
    assert ask("evaluate", finished("tags"), "rows.conll").code == 0
    assert ask("predict", finished("tags"), "rows.conll", "--output", "out.jsonl").code == 0
    first = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert set(first) >= {"tokens", "tags", "prediction"}
    assert not {"columns", "kept", "places"} & set(first)


def test_words_that_are_blank_have_no_tag(ask: Ask, finished: Finished, tmp_path: Path) -> None:
    (tmp_path / "rows.conll").write_text("the\tDET\n \tDET\nhill\tNOUN\n", encoding="utf-8")
    result = ask("predict", finished("tags"), "rows.conll")
    assert result.code == 0, result.screen
    first, second, third = (line.split("\t") for line in result.out.rstrip().splitlines())
    assert second == ["", "DET", "_"]
    assert [first[2], third[2]] == load(finished("tags")).predict([["the", "hill"]])[0]


def test_no_accuracy_is_told_of_labels_that_the_run_does_not_know(ask: Ask, finished: Finished, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label\nthe apple,fruit\nthe sea,water\n", encoding="utf-8")
    result = ask("predict", finished("class"), "rows.csv", "--output", "out.csv")
    assert result.code == 0
    assert "accuracy 0" not in result.err
    assert "the run knows none of the labels" in result.err
    assert "the run knows none of the labels" in ask("evaluate", finished("class"), "rows.csv").err


def test_an_encoding_can_be_said(ask: Ask, finished: Finished, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes("text,label\nthe café is red,red\n".encode("cp1252"))
    refused = ask("predict", finished("class"), "rows.csv")
    assert refused.code == 1
    assert "0xe9" in refused.err
    assert "the café is red" in ask("predict", finished("class"), "rows.csv", "--encoding", "cp1252").out


def test_a_column_a_label_is_compared(ask: Ask, finished: Finished, tmp_path: Path) -> None:
    run = finished("sets")
    one, other = load(run).classes[:2]
    (tmp_path / "rows.csv").write_text(f"text,{one},{other}\na b,1,0\nc d,0,0\n", encoding="utf-8")
    result = ask("predict", run, "rows.csv", "--label-column", f"{one},{other}")
    assert result.code == 0, result.screen
    assert "of 2 labelled rows (with all their labels) are right" in result.err
