"""Whether a large value of a metric is good: known in one place, filled in everywhere, never contradicted."""

import copy
import math
from typing import Any

import pytest

from sweepformer.config.kinds import KINDS
from sweepformer.config.metrics import best_first, check_mode, direction, recorded_direction, with_modes
from sweepformer.config.plain import config_hash
from sweepformer.errors import UserError
from sweepformer.runs.request import identity

SMALL = {"loss", "mae", "perplexity", "ece", "ece_raw"}
OWN = {"_target_": "mine.Task", "monitor": "val_own", "mode": None}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_known_of_each_metric_of_each_task(kind: str) -> None:
    names = {*KINDS[kind].logged, *KINDS[kind].tested}
    assert {name: direction(name) for name in names} == {
        name: "min" if name.partition("_")[2] in SMALL else "max" for name in names
    }


@pytest.mark.parametrize("name", ["val_own", "val_", "acc", "value", "epochs", "val_loss_of_my_own", "nowhere_acc"])
def test_nothing_is_known_of_others(name: str) -> None:
    assert direction(name) is None


def test_what_a_run_costs_is_better_small() -> None:
    assert {direction(name) for name in ("parameters", "seconds.training", "peak_memory_bytes")} == {"min"}
    assert direction("tokens_per_second") == "max"


def config_with(monitor: Any, mode: Any, by: str = "val_acc") -> dict[str, Any]:
    """As it is composed, with one mode everywhere."""
    return {
        "task": {"_target_": "sweepformer.tasks.classification.Classification", "monitor": by, "mode": mode},
        "scheduler": {"_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau", "monitor": "val_loss", "mode": mode},
        "callbacks": {
            "checkpoint": {"_target_": "x.Checkpoints", "monitor": monitor, "mode": mode},
            "early_stopping": {"_target_": "x.EarlyStopping", "monitor": "val_loss", "mode": mode},
            "progress": {"_target_": "x.Progress", "refresh_rate": 10},
            "none": None,
        },
        "pretrain": {"task": {"monitor": "val_perplexity", "mode": mode}},
    }


def test_a_mode_that_is_null_becomes_the_metrics_own_everywhere() -> None:
    config = config_with("val_f1", None)
    before = copy.deepcopy(config)
    found = with_modes(config)
    assert config == before
    assert (found["task"]["mode"], found["scheduler"]["mode"]) == ("max", "min")
    assert {name: (one or {}).get("mode") for name, one in found["callbacks"].items()} == {
        "checkpoint": "max", "early_stopping": "min", "progress": None, "none": None,
    }  # fmt: skip
    assert found["pretrain"]["task"]["mode"] == "min"
    assert with_modes(found) == found


def test_what_a_task_says_of_its_own_metric_holds_where_others_go_by_it() -> None:
    found = with_modes(config_with("val_own", None) | {"task": OWN | {"mode": "min"}})
    assert found["callbacks"]["checkpoint"]["mode"] == "min"
    unknown = with_modes(config_with("val_own", None))
    assert unknown["callbacks"]["checkpoint"]["mode"] is None  # and is refused by the rules
    without_monitor = with_modes(config_with(None, None))
    assert without_monitor["callbacks"]["checkpoint"]["mode"] == "max"  # Lightning wants one


def test_lightnings_own_default_is_not_taken_for_a_metrics() -> None:
    stops = {"_target_": "pytorch_lightning.callbacks.EarlyStopping", "monitor": "val_acc"}  # whose mode would be "min"
    other = {"_target_": "mine.Watch", "monitor": "val_acc"}
    found = with_modes({"callbacks": {"stops": stops, "other": other}})
    assert found == {"callbacks": {"stops": {**stops, "mode": "max"}, "other": other}}


def test_a_run_that_said_its_modes_is_the_run_that_leaves_them_to_the_metrics() -> None:
    told = config_with("val_f1", "max")
    told["scheduler"]["mode"] = told["callbacks"]["early_stopping"]["mode"] = told["pretrain"]["task"]["mode"] = "min"
    assert config_hash(identity(config_with("val_f1", None))) == config_hash(told)
    other = config_with("val_f1", None, by="val_loss")
    assert config_hash(identity(other)) != config_hash(told)


@pytest.mark.parametrize(
    ("metric", "mode", "words"),
    [
        ("val_loss", "max", ["task.mode=max contradicts task.monitor=val_loss", "small", "task.mode=min, or null"]),
        ("val_acc", "min", ["task.mode=min contradicts task.monitor=val_acc", "large", "task.mode=max, or null"]),
        ("val_acc", "up", ["task.mode=up", "max or min", "null"]),
        ("val_own", None, ["task.monitor=val_own", "not known", "task.mode=max", "task.mode=min"]),
    ],
)  # fmt: skip
def test_a_wrong_mode_is_refused_with_what_is_right(metric: str, mode: str | None, words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        check_mode("task.monitor", metric, "task.mode", mode, {"monitor": metric, "mode": mode})
    assert all(word in str(error.value) for word in words), error.value


def test_a_right_mode_is_taken() -> None:
    for metric, mode in (("val_own", "min"), ("val_own", "max"), ("val_loss", "min"), ("val_acc", "max")):
        assert check_mode("m", metric, "k", mode, {}) == mode
    assert check_mode("m", "val_loss", "k", None, {}) == "min"
    assert check_mode("m", "val_own", "k", None, {"monitor": "val_own", "mode": "min"}) == "min"


def test_of_what_runs_have_recorded_nothing_is_refused() -> None:
    assert recorded_direction("val_loss", {"monitor": "val_loss", "mode": "max"}) == "min"
    assert recorded_direction("val_own", {}, {"monitor": "val_own", "mode": "min"}) == "min"
    assert [recorded_direction(name) for name in ("val_own", "my_loss")] == ["max", "min"]


def test_the_best_comes_first_of_equals_the_first_and_the_last_has_no_value() -> None:
    values = {"a": 0.5, "b": math.nan, "c": 0.75, "d": 0.5, "e": -math.inf}
    assert "".join(best_first(values, values.__getitem__, "max")) == "cadeb"
    assert "".join(best_first(values, values.__getitem__, "min")) == "eadcb"
