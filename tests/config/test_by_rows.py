"""What is null goes by the number of training rows; what is given stays."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli, decided

from sweepformer.config.choices import choices_by_rows, with_choices
from sweepformer.errors import UserError
from sweepformer.files.checkpoints import read_checkpoint

RECIPE = {"rows": [100, 1000], "max_epochs": [9, 5, 2], "batch_size": [8, 16, 32], "lr": [3e-3, 2e-3, 1e-3]}
NULLS = ("trainer.max_epochs=null", "data.batch_size=null", "optimizer.lr=null")


def settled(config: dict[str, Any], rows: int, tokens: int = 0) -> dict[str, Any]:
    return with_choices(config, choices_by_rows(config, rows, tokens))


def config(**given: Any) -> dict[str, Any]:
    return {
        "trainer": {"max_epochs": given.get("max_epochs"), "max_steps": given.get("max_steps", -1)},
        "model": {"embedding_dim": given.get("embedding_dim", 64), "num_layers": 2},
        "data": {"batch_size": given.get("batch_size")},
        "optimizer": {"lr": given.get("lr")},
        "scheduler": {"max_lr": given.get("lr")},
        "recipe": given.get("recipe", RECIPE),
    }  # fmt: skip


@pytest.mark.parametrize(("rows", "place"), [(1, 0), (100, 0), (101, 1), (1000, 1), (1001, 2), (10**9, 2)])
def test_values_are_those_of_the_rows(rows: int, place: int) -> None:
    found = settled(config(), rows)
    said = found["trainer"]["max_epochs"], found["data"]["batch_size"], found["optimizer"]["lr"]
    assert said == tuple(RECIPE[name][place] for name in ("max_epochs", "batch_size", "lr"))
    assert found["scheduler"]["max_lr"] == RECIPE["lr"][place]


@pytest.mark.parametrize(("width", "rate"), [(64, 3e-3), (128, 3e-3), (256, 1.5e-3), (768, 5e-4)])
def test_wide_models_learn_more_slowly(width: int, rate: float) -> None:
    found = settled(config(embedding_dim=width, recipe={**RECIPE, "width": 128}), 1)
    assert found["optimizer"]["lr"] == found["scheduler"]["max_lr"] == rate
    assert settled(config(embedding_dim=width), 1)["optimizer"]["lr"] == 3e-3  # nothing is said of widths


def test_what_is_given_stays_and_the_config_too() -> None:
    given = config(max_epochs=3, lr=0.5)
    found = settled(given, 10)
    assert (found["trainer"]["max_epochs"], found["optimizer"]["lr"], found["data"]["batch_size"]) == (3, 0.5, 8)
    assert given["data"]["batch_size"] is None


def test_a_bag_of_embeddings_has_no_matrix_that_would_ask_for_a_smaller_rate() -> None:
    bag = config(embedding_dim=512, recipe={**RECIPE, "width": 128})
    bag["model"].pop("num_layers")
    assert settled(bag, 1)["optimizer"]["lr"] == 3e-3


def test_training_that_may_take_so_long_has_its_epochs_too() -> None:
    given = config()
    given["trainer"]["max_time"] = "00:01:00:00"
    assert settled(given, 10)["trainer"]["max_epochs"] == 9


@pytest.mark.parametrize(("tokens", "epochs"), [(10, 9), (100, 9), (150, 6), (400, 2), (10**6, 2)])
def test_long_rows_are_read_fewer_times(tokens: int, epochs: int) -> None:
    recipe = {**RECIPE, "tokens": [1000, None, None]}
    assert settled(config(recipe=recipe), 10, tokens)["trainer"]["max_epochs"] == epochs
    assert settled(config(recipe=recipe), 500, tokens)["trainer"]["max_epochs"] == 5  # has no limit
    assert settled(config(recipe=recipe, max_epochs=30), 10, tokens)["trainer"]["max_epochs"] == 30


def test_a_run_says_that_its_rows_are_long(cli: Cli, tiny: tuple[str, ...]) -> None:
    command = (*tiny, "trainer.max_epochs=null", "recipe.tokens=[2500,1,1,1]", "recipe.max_epochs=[9,1,1,1]")
    result = cli(*command)
    assert "fewer than 9, as each reads " in (result.directory / "plan.yaml").read_text()
    assert 2 <= result.summary["epochs"] < 9
    limited = cli(*command, "trainer.limit_train_batches=1", "hydra.run.dir=limited")
    assert limited.summary["epochs"] == 9  # epochs are short anyway


def test_training_that_ends_by_steps_needs_no_epochs() -> None:
    assert settled(config(max_steps=7), 10)["trainer"]["max_epochs"] is None


@pytest.mark.parametrize(("run", "stem"), [("class", "none"), ("tags", "convolution"), ("masked", "none")])
def test_a_run_says_what_its_encoder_has_before_the_layers(
    finished: Callable[[str], Path], run: str, stem: str
) -> None:
    directory = finished(run)
    assert decided(directory)["model.stem"] == stem
    log = (directory / "run.log").read_text(encoding="utf-8")
    assert re.search(rf"model\.stem +│ +\"{stem}\" +│ +as ", log)
    weights = read_checkpoint(directory / "checkpoints" / "last.ckpt")["state_dict"]
    assert ("model.encoder.stem.mix.weight" in weights) == (stem == "convolution")


def test_a_null_without_a_recipe_is_named() -> None:
    with pytest.raises(UserError, match="lr is null"):
        settled(config(max_epochs=1, batch_size=1, recipe={"rows": []}), 10)


def test_a_run_says_what_it_chose_and_goes_on_by_it(cli: Cli, tiny: tuple[str, ...]) -> None:
    values = "max_epochs: [9, 2, 1], batch_size: [8, 30, 64], lr: [1, 4e-3, 1], tokens: [1, null, 1]"
    recipe = f"recipe={{rows: [100, 1000], {values}}}"
    command = (*tiny, *NULLS, recipe, "data.batching=rows")
    result = cli(*command)
    assert result.code == 0, result.screen
    found = decided(result.directory)
    assert [found[key] for key in ("trainer.max_epochs", "data.batch_size", "optimizer.lr")] == [2, 30, 4e-3]
    for key in ("trainer.max_epochs", "data.batch_size", "optimizer.lr"):
        shown = rf"{key} +│ +{found[key]} +│ +for 120 training rows \(above 100 and up to 1,000\)"
        assert re.search(shown, result.out)
    assert (result.summary["epochs"], result.summary["steps"]) == (2, 8)
    assert json.loads((result.directory / ".hydra" / "config.json").read_text())["data"]["batch_size"] is None
    state = read_checkpoint(result.directory / "checkpoints" / "last.ckpt")["optimizer_states"][0]
    assert state["param_groups"][0]["max_lr"] == 4e-3
    assert "nothing to do" in cli(*command).out
    (result.directory / "summary.json").unlink()
    assert "going on from" in cli(*command).out
