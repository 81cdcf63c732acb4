"""Keys that were renamed: an old name that is typed is refused with the new one, one that was saved is read as it."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli

from sweepformer.config.options import SCHEMAS, WideSchema
from sweepformer.config.renamed import RENAMED, overrides_with_new_names, with_new_names

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


@pytest.mark.parametrize("old", [key for key in RENAMED if re.fullmatch(r"model\.\w+", key)])
def test_a_model_of_a_users_own_keeps_its_names(old: str) -> None:
    own = saved(old, 1, "mine.Model")
    assert with_new_names(own) == own
    assert overrides_with_new_names([f"{old}=1"], own) == [f"{old}=1"]
