"""Keys that were renamed: an old name that is typed is refused with the new one, one that was saved is read as it."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from omegaconf import OmegaConf

from sweepformer import load
from sweepformer.config.options import SCHEMAS, WideSchema
from sweepformer.config.plain import RENAMED, overrides_with_new_names, with_new_names
from sweepformer.files.checkpoints import read_checkpoint, write_checkpoint
from sweepformer.runs.directory import RunDirectory
from sweepformer.runs.reading import read_runs

OPTIONS = {"model.longest": "model=bag_of_ngrams", "model.strengths": "model=tfidf", "task.cut_by": "task=masked_lm"}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + "".join(f"word{row % 2} and more,{row % 2}\n" for row in range(20)))
    return path


def message(key: str, prefix: str = "") -> str:
    return f"Error: {prefix}{key} was renamed: it is {prefix}{RENAMED[key]} now."


@pytest.mark.parametrize("plus", ["", "+"])
@pytest.mark.parametrize("key", RENAMED)
def test_an_old_name_that_is_typed_is_refused_with_the_new_one(cli: Cli, rows: Path, key: str, plus: str) -> None:
    given = ["data=files", f"data.train_file={rows}", OPTIONS.get(key, "model=tiny")]
    result = cli(*given, f"{plus}{key}=1")
    assert result.code == 1
    assert result.err == message(key)


@pytest.mark.parametrize("plus", ["", "+"])
def test_an_old_name_is_refused_of_the_first_of_two_runs(cli: Cli, rows: Path, plus: str) -> None:
    given = ["experiment=pretrain_then_classify", "data=files", f"data.train_file={rows}"]
    result = cli(*given, f"{plus}pretrain.data.long_rows=tail")
    assert result.code == 1
    assert result.err.endswith(message("data.long_rows", "pretrain."))


@pytest.mark.parametrize("swept", ["data.long_rows=head,tail", "+hydra.sweeper.params={data.long_rows:'head,tail'}"])
def test_an_old_name_is_refused_of_a_sweep(cli: Cli, rows: Path, swept: str) -> None:
    result = cli("-m", "data=files", f"data.train_file={rows}", swept)
    assert result.code == 1
    assert message("data.long_rows").strip() in result.err


@pytest.mark.parametrize("schema", ["/schema/data/files@_here_, ", ""], ids=["ours", "none"])
def test_an_old_name_is_refused_in_a_yaml_of_a_users_own(cli: Cli, rows: Path, tmp_path: Path, schema: str) -> None:
    own = tmp_path / "own" / "data" / "mine.yaml"
    own.parent.mkdir(parents=True)
    values = {"_target_": "sweepformer.data.sources.files.Files", "train_file": rows, "long_rows": "tail"}
    lines = [f"defaults: [{schema}/shared/data@_here_, _self_]", *(f"{key}: {one}" for key, one in values.items())]
    own.write_text("\n".join(lines))
    result = cli("data=mine", f"hydra.searchpath=[file://{own.parents[1]}]")
    assert result.code == 1
    assert result.err == message("data.long_rows")


def test_new_names_are_those_of_keys() -> None:
    schemas = [(group, one) for group, schemas in SCHEMAS.items() for one in schemas.values()]
    known = {
        f"{group}.{one.name}" for group, schema in [*schemas, ("model.wide", WideSchema)] for one in fields(schema)
    }
    assert set(RENAMED.values()) <= known
    assert not RENAMED.keys() & known


def saved(key: str, value: object, target: str = "sweepformer.models.transformer.Transformer") -> dict[str, Any]:
    *groups, name = key.split(".")
    node: dict[str, Any] = {"before": 0, name: value, "after": 1}
    for group in reversed(groups):
        node = {group: node}
    node["model"] = {"_target_": target, **node.get("model", {})}
    return node


@pytest.mark.parametrize("old", RENAMED)
def test_what_was_saved_has_the_new_names(old: str) -> None:
    value, before = {"kept": [1]}, saved(old, {"kept": [1]})
    assert with_new_names(before) == saved(RENAMED[old], value)
    assert before == saved(old, value), "a copy was made"
    assert with_new_names(saved(RENAMED[old], value)) == saved(RENAMED[old], value)
    typed = [f"{old}=a.b=c", f"+{old}=2", f"~{old}", "seed=1", f"name={old}"]
    new = RENAMED[old]
    assert overrides_with_new_names(typed, before) == [f"{new}=a.b=c", f"+{new}=2", f"~{new}", "seed=1", f"name={old}"]


@pytest.mark.parametrize("old", RENAMED)
def test_what_was_saved_of_the_first_of_two_runs_has_the_new_names(old: str) -> None:
    first = saved(old, 1)
    del first["model"]["_target_"]
    before = saved("seed", 1) | {"pretrain": first}
    after = with_new_names(before)["pretrain"]
    expected = saved(RENAMED[old], 1)
    del expected["model"]["_target_"]
    assert after == expected
    assert overrides_with_new_names([f"pretrain.{old}=1"], before) == [f"pretrain.{RENAMED[old]}=1"]


@pytest.mark.parametrize("old", [key for key in RENAMED if key.startswith("model.wide.")])
def test_a_wide_path_of_a_users_own_model_has_the_new_names(old: str) -> None:
    assert with_new_names(saved(old, 1, "mine.Model")) == saved(RENAMED[old], 1, "mine.Model")


@pytest.mark.parametrize("old", [key for key in RENAMED if re.fullmatch(r"model\.\w+", key)])
def test_a_model_of_a_users_own_keeps_its_names(old: str) -> None:
    own = saved(old, 1, "mine.Model")
    assert with_new_names(own) == own
    assert overrides_with_new_names([f"{old}=1"], own) == [f"{old}=1"]


def under_old_names(config: dict[str, Any]) -> dict[str, Any]:
    for old, new in RENAMED.items():
        *groups, name = new.split(".")
        node: Any = config
        for group in groups:
            node = node.get(group, {})
        if name in node:
            node[old.rpartition(".")[2]] = node.pop(name)
    return config


@pytest.fixture
def old_run(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> tuple[list[str], Path]:
    """What was typed for a run, and its folder as it would have been when keys had their old names."""
    chosen = ("data.truncation=windows", "model.max_length=8", "model.wide.enabled=true", "model.wide.ngram_order=1")
    typed = [*tiny, *chosen, f"hydra.run.dir={tmp_path / 'old'}"]
    run = cli(*typed).directory
    path = run / ".hydra" / "config.json"
    path.write_text(json.dumps(under_old_names(json.loads(path.read_text()))))
    path = run / ".hydra" / "config.yaml"
    path.write_text(OmegaConf.to_yaml(under_old_names(OmegaConf.to_container(OmegaConf.load(path)))))  # type: ignore[arg-type]
    overrides = run / ".hydra" / "overrides.yaml"
    summary = json.loads((run / "summary.json").read_text())
    del summary["checksum"]
    for path, text in ((overrides, overrides.read_text()), (run / "summary.json", json.dumps(summary))):
        path.write_text(text.replace("truncation", "long_rows").replace("ngram_order", "longest"))
    for path in (run / "checkpoints").glob("*.ckpt"):
        content = read_checkpoint(path)
        under_old_names(content["sweepformer"]["config"])
        state = content["state_dict"]
        state["model.wide.trust"] = state.pop("model.wide.ensemble_weights")
        write_checkpoint(path, content)
    return typed, run


def test_a_run_that_was_saved_with_old_names_is_used_as_any_other(
    cli: Cli, old_run: tuple[list[str], Path], tmp_path: Path
) -> None:
    typed, run = old_run
    assert "long_rows" in (run / ".hydra" / "config.json").read_text()
    assert "nothing to do" in cli(*typed).out
    assert load(run).config["data"]["truncation"] == "windows"
    (read,) = read_runs([run])
    assert "data.truncation=windows" in read.summary.overrides
    assert read.config["model"]["wide"]["ngram_order"] == 1
    repeated = cli("--from-run", str(run), f"hydra.run.dir={tmp_path / 'again'}")
    assert repeated.code == 0, repeated.screen
    assert "bit-identical" in repeated.out


def test_a_run_that_was_interrupted_with_old_names_goes_on(cli: Cli, old_run: tuple[list[str], Path]) -> None:
    typed, run = old_run
    metrics = json.loads((run / "summary.json").read_text())["metrics"]
    (run / "summary.json").unlink()
    result = cli(*typed)
    assert result.code == 0, result.screen
    assert "can't be used" not in result.screen
    assert "wide path: " not in result.out, "it is in the checkpoint"
    assert "ensemble weights: " in result.out
    assert RunDirectory(run).status == "completed"
    assert json.loads((run / "summary.json").read_text())["metrics"] == metrics
