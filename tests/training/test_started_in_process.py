"""Runs that a program starts itself, without Hydra's application around them."""

import re
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import decided
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from sweepformer import load
from sweepformer.commands.hydra_setup import prefer_own_presets, register
from sweepformer.config.presets import CONF
from sweepformer.errors import UserError
from sweepformer.runs.directory import RunDirectory
from sweepformer.runs.request import Launch
from sweepformer.training import run as module
from sweepformer.training.plan import Plan, settle
from sweepformer.training.run import run


def composed(*overrides: str) -> DictConfig:
    register()
    prefer_own_presets(CONF)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", list(overrides))


def test_runs_follow_one_another_and_one_in_a_thread_without_hydras_application(
    tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPFORMER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)  # what other tests have left there
    config = composed(*tiny)
    asked = str(config)
    handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    found = [run(config, tmp_path / "first"), run(config, tmp_path / "second", Launch(overrides=("seed=0",)))]
    thread = threading.Thread(target=lambda: found.append(run(config, tmp_path / "third")))
    thread.start()
    thread.join()
    assert [summary.status for summary in found] == ["completed"] * 3
    assert found[0].metrics == found[1].metrics == found[2].metrics
    assert found[1].overrides == ["seed=0"]
    assert str(config) == asked  # nobody has written to the caller's value
    assert not HydraConfig.initialized()
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert len(load(tmp_path / "third").predict(["a red thing"])) == 1
    assert run(config, tmp_path / "first") == RunDirectory(tmp_path / "first").result


LOGGED = ("logger=all", "logger.wandb.offline=true")


def suiting(tiny: tuple[str, ...], overrides: Sequence[str]) -> list[str]:
    """Without keys of a transformer where another model is asked for."""
    other = any(one.startswith("model=") for one in overrides)
    return [one for one in tiny if not (other and one.startswith("model"))]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model.num_heads=3"], "model.num_heads=3 doesn't divide"),
        (["+optimizer.foo=3"], "optimizer.foo: torch.optim.AdamW has no parameter foo"),
        (["optimizer=muon", "+optimizer.momentums=3"], "Did you mean optimizer.momentum?"),
        (["scheduler=linear", "+scheduler.foo=2"], "scheduler.foo: "),
        (["scheduler=cosine", "scheduler.warmup=1000"], "scheduler.warmup=1000 is longer than training"),
        (["scheduler=plateau", "scheduler.factor=2"], "Factor should be"),
        (["optimizer=sgd", "optimizer.momentum=-1"], "momentum"),
        (["model=bag_of_ngrams", "optimizer.layer_decay=0.5"], "optimizer.layer_decay: BagOfNgrams has no layers"),
        (["trainer.val_check_interval=1000"], "trainer.val_check_interval=1000 batches is more than an epoch has"),
        (["trainer.limit_val_batches=0.01"], "trainer.limit_val_batches=0.01 of the 1 batches of val leaves none"),
        (["callbacks=ema", "+callbacks.checkpoint.save_weights_only=true"], "save_weights_only=true would save"),
        (["model=tfidf", "model.min_frequency=1000"], "model.min_frequency=1000: no n-gram"),
        (["experiment=pretrain_then_classify", "scheduler=cosine", "scheduler.warmup=1000"], "scheduler.warmup=1000"),
    ],
    ids=lambda one: "" if isinstance(one, str) else " ".join(one),
)
def test_a_refused_run_has_started_no_logger_and_leaves_its_summary(
    tiny: tuple[str, ...], tmp_path: Path, overrides: list[str], words: str
) -> None:
    with pytest.raises(UserError, match=re.escape(words)):
        run(composed(*suiting(tiny, overrides), *LOGGED, *overrides), tmp_path / "run")
    summary = RunDirectory(tmp_path / "run").read_summary()
    assert summary is not None
    assert summary.status == "failed"
    assert words in (summary.error or {})["message"]
    left = {path.name for path in (tmp_path / "run").rglob("*")}
    assert not left & {"tensorboard", "wandb", "metrics.csv", "checkpoints"}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("seed=???", "seed has no value"),
        ("seed=${oc.env:NOSUCH_VARIABLE}", "NOSUCH_VARIABLE"),
        ("allowed_packages=['x y']", "x y"),
        ("model.init_from=nosuch", "model.init_from=nosuch"),
    ],
)
def test_what_cannot_be_read_leaves_a_summary_but_never_in_place_of_a_runs(
    tiny: tuple[str, ...], tmp_path: Path, override: str, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        run(composed(*tiny, override), tmp_path / "run", Launch(overrides=(override,)))
    directory = RunDirectory(tmp_path / "run")
    summary = directory.read_summary()
    assert summary is not None
    assert (summary.status, summary.overrides) == ("failed", [override])
    assert words in (summary.error or {})["message"]
    finished = run(composed(*tiny), tmp_path / "run")
    with pytest.raises(UserError, match=words):
        run(composed(*tiny, override), tmp_path / "run")
    assert directory.result == finished


def test_runs_in_threads_at_once_come_to_the_same(tiny: tuple[str, ...], tmp_path: Path) -> None:
    config, found = composed(*tiny, "trainer.max_epochs=2"), []
    alone = run(config, tmp_path / "alone").metrics
    paths = [tmp_path / f"beside-{number}" for number in range(3)]
    threads = [threading.Thread(target=lambda path=path: found.append(run(config, path).metrics)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone] * 3


def planned(monkeypatch: pytest.MonkeyPatch, *overrides: str, path: Path) -> Plan:
    """The plan of a run that is trained."""
    plans: list[Plan] = []

    def settled(*arguments: Any) -> Plan:
        plans.append(settle(*arguments))
        return plans[-1]

    monkeypatch.setattr(module, "settle", settled)
    run(composed(*overrides), path)
    return plans[-1]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), {"tokenizer.kind": "word", "tokenizer.lowercase": True, "data.truncation": "head", "labels": "class"}),
        (("trainer.precision=16", "tokenizer.truncation_side=left"), {"trainer.precision": "bf16-mixed"}),
        (("tokenizer.truncation_side=left",), {"data.truncation": "tail", "trainer.precision": "32-true"}),
        (("tokenizer=char",), {"model.wide.ngram_order": 5}),
        (("task.class_weights=balanced",), {"model.wide.enabled": False, "model.stem": "convolution"}),
        (("trainer.max_steps=3", "trainer.max_epochs=null"), {"total_steps": 3, "trainer.accelerator": "cpu"}),
    ],
)
def test_one_list_of_choices_is_config_table_and_file(
    tiny: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    overrides: tuple[str, ...],
    expected: dict[str, Any],
) -> None:
    caplog.set_level("INFO")
    nulls = ("data.batch_size=null", "optimizer.lr=null", "tokenizer=auto", "trainer.precision=32-true")
    plan = planned(monkeypatch, *tiny, *nulls, *overrides, path=tmp_path)
    file = decided(tmp_path)
    assert file == {one.key: one.value for one in plan.choices}
    assert file | expected == file
    shown = next(one.message for one in caplog.records if "Decided for this run" in one.message)
    assert re.findall(r"^│ (\S+) ", shown, re.MULTILINE) == list(file)
    for key, value in file.items():
        node: Any = plan.config
        for name in key.split(".") if "." in key else ():
            node = node[name]
        assert node == value or "." not in key
    assert plan.model["stem"] == plan.config["model"]["stem"] == file["model.stem"]
    assert plan.asked == RunDirectory(tmp_path).read_config()
    assert plan.asked["model"]["stem"] is None
    assert file["total_steps"] == RunDirectory(tmp_path).read_summary().steps  # type: ignore[union-attr]


def test_a_baseline_has_a_plan_too(tiny: tuple[str, ...], tmp_path: Path) -> None:
    run(composed(*suiting(tiny, ["model=tfidf"]), "model=tfidf"), tmp_path / "run")
    assert decided(tmp_path / "run") == {"labels": "class", "model.analyzer": "word", "model.ngrams": [1, 2]}


def test_what_was_decided_is_saved_and_what_was_asked_stays(tiny: tuple[str, ...], tmp_path: Path) -> None:
    run(composed(*tiny, "data.batch_size=null"), tmp_path / "run")
    config = RunDirectory(tmp_path / "run").read_config()
    assert config is not None
    assert config["data"]["batch_size"] is None
    assert "data.batch_size" in (tmp_path / "run" / "plan.yaml").read_text()
