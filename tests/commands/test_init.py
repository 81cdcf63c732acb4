"""`sweepformer init`: the project that it writes trains as it is, and its conf/ is found and comes where it should."""

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
import yaml
from conftest import Cli


@pytest.fixture
def project(sweepformer: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project, in which commands are then typed."""
    assert sweepformer("init", "shop").code == 0
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


def test_a_new_project_trains_at_once_and_learns(sweepformer: Cli, project: Path) -> None:
    result = sweepformer("run", "name=first")
    assert result.code == 0, result.screen
    (summary,) = (project / "outputs" / "first").glob("*/summary.json")
    assert json.loads(summary.read_text())["metrics"]["test_acc"] >= 0.9  # chance: 0.25


def test_its_example_rows_are_shared_out_evenly_and_all_different(project: Path) -> None:
    with (project / "data" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(Counter(row["label"] for row in rows).values()) == {120}
    assert len({row["text"] for row in rows}) == len(rows) == 480


def test_what_is_typed_and_experiments_come_over_what_the_project_chooses(sweepformer: Cli, project: Path) -> None:
    (project / "conf" / "experiment" / "wide.yaml").write_text(
        "# @package _global_\n# Wide.\ndefaults:\n  - override /model: base\ntrainer:\n  max_epochs: 3\n"
    )
    alone, with_experiment, typed = (
        yaml.safe_load(sweepformer("run", "--cfg", "job", *words).out)
        for words in ([], ["experiment=wide"], ["experiment=wide", "model=mine", "debug=fast"])
    )
    assert (alone["model"]["dropout"], alone["trainer"]["max_epochs"], alone["optimizer"]["lr"]) == (0.1, 4, 3e-3)
    assert alone["data"]["train_file"] == "data/train.csv"
    assert (with_experiment["model"]["embedding_dim"], with_experiment["trainer"]["max_epochs"]) == (256, 3)
    assert (typed["model"]["embedding_dim"], typed["trainer"]["max_epochs"]) == (64, 1)


def test_its_sweep_has_four_runs(sweepformer: Cli, project: Path) -> None:
    result = sweepformer("run", "-m", "experiment=size", "sweep.dry_run=true")
    assert result.code == 0, result.screen
    assert result.out.count("at most") == 4
    assert "can't be built" not in result.out


def test_help_lists_its_presets(sweepformer: Cli, project: Path) -> None:
    lines = sweepformer("run", "--help").out.splitlines()
    assert any(line.split()[:2] == ["size", "How"] for line in lines)
    assert sum(line.split()[:1] == ["mine"] for line in lines) == 2
    assert "  train_file: data/train.csv" in lines


def test_its_own_classes_are_found(sweepformer: Cli, project: Path) -> None:
    (project / "shouting.py").write_text("def shout(text):\n    return text.upper() + ' SHOUTED'\n")
    (project / "conf" / "data" / "loud.yaml").write_text(
        "# Upper case.\ndefaults: [mine, _self_]\ntransform: {_target_: shouting.shout, _partial_: true}\n"
    )
    quick = ("debug=fast", "logger=none", "tokenizer=word", "tokenizer.lowercase=false", "name=loud")
    result = sweepformer("run", "data=loud", "allowed_packages=[shouting]", *quick)
    assert result.code == 0, result.screen
    (tokens,) = (project / "outputs" / "loud").glob("*/tokenizer.json")
    assert "SHOUTED" in json.loads(tokens.read_text())["model"]["vocab"]


def test_a_preset_that_a_built_in_one_hides_is_told(sweepformer: Cli, project: Path) -> None:
    (project / "conf" / "model" / "small.yaml").write_text("# Mine.\ndefaults: [tiny, _self_]\n")
    result = sweepformer("run", "--cfg", "job")
    assert result.code == 0
    assert "conf/model/small.yaml" in result.err
    assert "Rename" in result.err


@pytest.mark.parametrize("there", ["a folder with a file", "a file"])
def test_what_is_there_already_is_left_alone(sweepformer: Cli, tmp_path: Path, there: str) -> None:
    taken = tmp_path / "taken"
    if there == "a file":
        taken.write_text("mine")
    else:
        taken.mkdir()
        (taken / "notes.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    result = sweepformer("init", "taken")
    assert result.code == 1
    assert "taken is there already" in result.err
    assert "Traceback" not in result.screen
    assert sorted(tmp_path.rglob("*")) == before
