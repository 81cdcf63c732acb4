"""Two texts a row: both are learned from, whatever the task, and what is said where that can't be."""

import json
from pathlib import Path

import pytest
from conftest import Cli
from task_rows import write_pairs

from sweepformer.data.sources.files import Files
from sweepformer.data.splits import make_splits
from sweepformer.data.texts import split_pair
from sweepformer.data.tokenizer import make_tokenizer


@pytest.fixture
def pairs(tiny: tuple[str, ...], tmp_path: Path) -> tuple[str, ...]:
    return (*tiny, f"data.train_file={write_pairs(tmp_path / 'pairs.csv')}", "data.pair_column=other")


def test_whether_two_texts_fit_is_learned(cli: Cli, pairs: tuple[str, ...]) -> None:
    result = cli(*pairs, "trainer.max_epochs=20", "optimizer.lr=5e-3", "callbacks=minimal")
    assert result.code == 0, result.screen
    assert result.summary["metrics"]["val_acc"] > 0.8


def test_a_linear_model_sees_what_both_texts_have(cli: Cli, pairs: tuple[str, ...]) -> None:
    given = [one for one in pairs if not one.startswith("model")]
    result = cli(*given, "model=tfidf")
    assert result.code == 0, result.screen
    assert result.summary["metrics"]["test_acc"] > 0.9


@pytest.mark.parametrize("task", ["multilabel", "regression"])
@pytest.mark.parametrize("attention", ["auto", "varlen"])
def test_pairs_go_with_other_tasks(cli: Cli, pairs: tuple[str, ...], tmp_path: Path, task: str, attention: str) -> None:
    rows = []
    for number in range(60):
        label = {"multilabel": ["even"] * (number % 2 == 0), "regression": number / 7}[task]
        rows.append(json.dumps({"text": f"one {number}", "other": f"two {number % 5}", "label": label}))
    if task == "multilabel":
        rows[1] = json.dumps({"text": "one", "other": "two", "label": ["odd", "even"]})
        rows[3] = json.dumps({"text": "one", "other": "three", "label": ["odd"]})
        rows[5:8:2] = [row.replace("[]", '["odd"]') for row in rows[5:8:2]]
    (tmp_path / "pairs.jsonl").write_text("\n".join(rows) + "\n")
    given = [f"data.train_file={tmp_path}/pairs.jsonl", f"task={task}", f"model.attention={attention}"]
    result = cli(*pairs, *given, "trainer.max_epochs=2")
    assert result.code == 0, result.screen


def test_rows_are_the_same_if_both_texts_are(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    lines = [f"same,other {number},{'ab'[number % 2]}" for number in range(20)]
    path.write_text("\n".join(["text,other,label", *lines, lines[0]]) + "\n")
    splits, report = make_splits(Files(str(path), pair_column="other").read())
    assert (sum(report.rows.values()), report.duplicates_dropped) == (20, 1)
    assert {split_pair(text)[0] for text in splits.train.texts} == {"same"}


def test_a_tokenizer_that_does_not_separate_is_refused(cli: Cli, pairs: tuple[str, ...], tmp_path: Path) -> None:
    made = make_tokenizer(["red green blue"], "word", 50, 1, True, None)
    made.save(str(tmp_path / "whole.json"))
    about = json.loads((tmp_path / "whole.json").read_text())
    (tmp_path / "unsaid.json").write_text(json.dumps({**about, "post_processor": None}))
    about["model"]["vocab"].pop("[SEP]")
    about["added_tokens"] = [one for one in about["added_tokens"] if one["content"] != "[SEP]"]
    (tmp_path / "lacking.json").write_text(json.dumps({**about, "post_processor": None}))
    for name, words in (("unsaid", "puts no separator"), ("lacking", "neither [SEP] nor </s>")):
        given = ["tokenizer=pretrained", f"tokenizer.path={tmp_path}/{name}.json", f"hydra.run.dir={tmp_path}/{name}"]
        result = cli(*pairs, *given)
        assert result.code == 1
        assert all(word in result.screen for word in ("tokenizer.path", words, "data.pair_column"))
        assert "Traceback" not in result.screen
    assert cli(*pairs, "tokenizer=pretrained", f"tokenizer.path={tmp_path}/whole.json").code == 0


@pytest.mark.parametrize(
    ("override", "line", "words"),
    [
        ("data.pair_column=othr", "", ["data.pair_column=othr", "Did you mean"]),
        ("data.pair_column=other", "one,,same\n", ["pairs.csv", "row 201", "no text in column 'other'"]),
        ("data.truncation=windows", "", ["data.truncation=windows", "rows of one text"]),
        ("data.truncation=head_and_tail", "", ["data.truncation=head_and_tail", "choose head or tail"]),
    ],
)
def test_mistakes_are_named(
    cli: Cli, pairs: tuple[str, ...], tmp_path: Path, override: str, line: str, words: list[str]
) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(path.read_text() + line)
    result = cli(*pairs, override)
    assert result.code == 1
    assert all(word in result.screen for word in words), result.screen
    assert "Traceback" not in result.screen
