"""Runs that a program starts itself, without Hydra's application around them."""

import signal
import threading
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from sweepformer import load
from sweepformer.commands.hydra_setup import prefer_own_presets, register
from sweepformer.config.presets import CONF
from sweepformer.errors import UserError
from sweepformer.runs.directory import RunDirectory
from sweepformer.runs.request import Launch
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


def test_a_refused_run_has_started_no_logger_and_leaves_its_summary(tiny: tuple[str, ...], tmp_path: Path) -> None:
    config = composed(*tiny, "logger=tensorboard", "model.num_heads=3")
    with pytest.raises(UserError, match=r"model\.num_heads=3 doesn't divide"):
        run(config, tmp_path / "run")
    summary = RunDirectory(tmp_path / "run").read_summary()
    assert summary is not None
    assert summary.status == "failed"
    assert "num_heads" in (summary.error or {})["message"]
    assert not (tmp_path / "run" / "tensorboard").exists()


def test_what_was_decided_is_saved_and_what_was_asked_stays(tiny: tuple[str, ...], tmp_path: Path) -> None:
    run(composed(*tiny, "data.batch_size=null"), tmp_path / "run")
    config = RunDirectory(tmp_path / "run").read_config()
    assert config is not None
    assert config["data"]["batch_size"] is None
    assert "data.batch_size" in (tmp_path / "run" / "plan.yaml").read_text()
