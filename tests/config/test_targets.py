"""A config is data: what it may have called is known, and nothing else of anybody's runs."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Cli

from sweepformer.config.build import build
from sweepformer.config.targets import check_targets, find_allowed, named_packages, trusting
from sweepformer.errors import UserError
from sweepformer.runs.request import identity

DANGEROUS = (
    "shutil.rmtree",
    "builtins.eval",
    "subprocess.Popen",
    "hydra.utils.instantiate",
    "sweepformer_evil.Callback",
    # Each of these is reached through a package whose parts may be named.
    "torch.os.system",
    "torch.load",
    "torch.hub.load",
    "torch.utils.cpp_extension.load",
    "torch.serialization.pickle.loads",
    "torch.nn.Module.load_state_dict",
    "torch.utils.data.DataLoader",
    "pytorch_lightning.trainer.trainer.os.system",
    "pytorch_lightning.LightningModule.load_from_checkpoint",
    "sweepformer.runs.environment.subprocess.run",
    "sweepformer.files.atomic.replace_file",
    "sweepformer.data.sources.packages.package_folder",
    "sweepformer.training.callbacks.checkpoints.shutil.copyfile",
    "sweepformer.tasks.classification.Classification.load_from_checkpoint",
)


@pytest.mark.parametrize("name", DANGEROUS)
def test_what_is_no_part_is_refused_and_how_to_allow_it_is_said(name: str) -> None:
    with pytest.raises(UserError) as refused:
        find_allowed("callbacks.bad", name, ())
    told = str(refused.value)
    assert f"callbacks.bad._target_={name}" in told
    assert "sweepformer, torch, " in told
    assert "code will then run" in told
    allowed = told.partition("allowed_packages=[")[2].partition("]")[0]
    if name.partition(".")[0] in sys.modules:  # what is said does allow it
        assert callable(find_allowed("callbacks.bad", name, (allowed,)))


def targets(config: Any) -> Iterator[str]:
    """Every `_target_` in a YAML but Hydra's own, which the user types."""
    if isinstance(config, dict):
        for key, value in config.items():
            if key == "_target_":
                yield value
            elif key != "hydra":
                yield from targets(value)


def test_all_that_ships_may_be_named() -> None:
    files = [*(ROOT / "conf").rglob("*.yaml"), *(ROOT / "experiments").glob("*.yaml")]
    names = {
        name
        for path in files
        if "hydra" not in path.relative_to(ROOT).parts
        for name in targets(yaml.safe_load(path.read_text(encoding="utf-8")))
    }
    assert len(names) > 30
    for name in names:
        assert callable(find_allowed("conf", name, ()))


@pytest.mark.parametrize(
    "name",
    [
        "torch.nn.Linear",
        "torch.optim.NAdam",
        "torch.optim.Muon",
        "torch.optim.lr_scheduler.StepLR",
        "torchmetrics.classification.MulticlassAUROC",
        "pytorch_optimizer.Lion",
        "pytorch_lightning.callbacks.Timer",
        "pytorch_lightning.loggers.CSVLogger",
        "pytorch_lightning.profilers.SimpleProfiler",
        "pytorch_lightning.strategies.DDPStrategy",
        "pytorch_lightning.plugins.precision.MixedPrecision",
        "pytorch_lightning.plugins.io.AsyncCheckpointIO",
        "lightning_fabric.plugins.environments.SLURMEnvironment",
    ],
)
def test_parts_of_libraries_may_be_named(name: str) -> None:
    assert isinstance(find_allowed("conf", name, ()), type)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module that leaves a file when it is imported; the file."""
    ran = tmp_path / "it-ran"
    first = f"import os\nfrom pathlib import Path\nPath({str(ran)!r}).touch()\n"
    (tmp_path / "mine_and_harmful.py").write_text(f"{first}def shout(text):\n    return text.upper()\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield ran
    sys.modules.pop("mine_and_harmful", None)


def test_a_package_that_nobody_named_is_not_even_imported(mine: Path) -> None:
    with pytest.raises(UserError, match=r"allowed_packages=\[mine_and_harmful\]"):
        find_allowed("data.transform", "mine_and_harmful.shout", ())
    assert not mine.exists()
    assert find_allowed("data.transform", "mine_and_harmful.shout", ["mine_and_harmful"])("a") == "A"
    assert mine.exists()


def test_a_package_that_was_named_is_no_way_to_others(mine: Path) -> None:
    with pytest.raises(UserError, match=r"it is posix.system.*allowed_packages=\[mine_and_harmful,posix\]"):
        find_allowed("data.transform", "mine_and_harmful.os.system", ["mine_and_harmful"])
    with pytest.raises(UserError, match="mine_and_harmful_too is not a package"):
        find_allowed("data.transform", "mine_and_harmful_too.shout", ["mine_and_harmful"])


def test_what_cannot_be_imported_is_named(mine: Path) -> None:
    for name in ("mine_and_harmful.shuot", "mine_and_harmful.a.b", "torch.nn.Liner", "sweepformer.models..x"):
        with pytest.raises(UserError, match=f"data.transform._target_={name} can't be imported"):
            find_allowed("data.transform", name, ["mine_and_harmful"])
    with pytest.raises(UserError, match="nothing to call"):
        find_allowed("data.transform", "torch.nn", ())


def test_targets_are_found_however_deep() -> None:
    for config, key in (
        ({"trainer": {"plugins": [{"x": 1}, {"_target_": "os.system"}]}}, "trainer.plugins.1"),
        ({"pretrain": {"task": {"_target_": "torch.nn.ReLU", "x": {"_target_": "os.system"}}}}, "pretrain.task.x"),
        ({"callbacks": {"a": {"_target_": "torch.nn.ReLU", "_args_": [{"_target_": "os.system"}]}}}, "callbacks.a"),
    ):
        with pytest.raises(UserError, match=rf"{key}.*_target_=os\.system"):
            check_targets(config, ())


class Holder:
    """Keeps what it is made with."""

    def __init__(self, *values: Any, **named: Any) -> None:
        self.values, self.named = values, named


def test_parts_of_a_part_are_made_first_and_checked_like_it() -> None:
    config = {
        "_target_": "test_targets.Holder",
        "_args_": [1, {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 3}],
        "deep": {"list": [{"_target_": "test_targets.Holder", "_partial_": True, "x": 1}], "number": 5},
    }
    with pytest.raises(UserError, match="test_targets is not a package"):
        build("callbacks.own", config)
    with trusting(["test_targets"]):
        holder = build("callbacks.own", config, given="by the program")
        assert holder.values[0] == 1
        assert holder.values[1].weight.shape == (3, 2)
        assert holder.named["given"] == "by the program"
        assert holder.named["deep"]["number"] == 5
        assert holder.named["deep"]["list"][0](y=2).named == {"x": 1, "y": 2}
        raw = build("callbacks.own", {**config, "_recursive_": False})
        assert raw.named["deep"] == config["deep"]
        with pytest.raises(UserError, match=r"callbacks\.own\.deep\.0\._target_=os\.system"):
            build("callbacks.own", {**config, "deep": [{"_target_": "os.system"}]})
        with pytest.raises(UserError, match=r"callbacks\.own\.deep\.in_featuers"):
            build("callbacks.own", {**config, "deep": {"_target_": "torch.nn.Linear", "in_featuers": 2}})


def test_a_string_stays_a_string() -> None:
    """Read as an interpolation it would become a config, with a target in it that nobody has seen."""
    text = "${oc.create:'{_target_: os.getpid}'}"
    with trusting(["test_targets"]):
        assert build("callbacks.own", {"_target_": "test_targets.Holder", "x": text}).named == {"x": text}


@pytest.mark.parametrize("given", ["mine", ["mine", 3], ["mine.parts:Model"], ["../mine"], {"mine": True}])
def test_packages_are_named_by_a_list(given: Any) -> None:
    with pytest.raises(UserError, match=r"allowed_packages=.*give a list"):
        named_packages({"allowed_packages": given})


def test_whose_code_may_run_is_not_part_of_what_a_run_is() -> None:
    config = {"seed": 1, "model": {"_target_": "mine.Model"}}
    assert identity({**config, "allowed_packages": ["mine"]}) == identity(config)
    assert "allowed_packages" not in identity({**config, "allowed_packages": ["mine"]})


@pytest.mark.parametrize(
    "override",
    [
        "+callbacks.bad={_target_: os.system, command: touch it-ran}",
        "+callbacks.bad={_target_: torch.os.system, command: touch it-ran}",
        "+trainer.plugins=[{_target_: os.system, command: touch it-ran}]",
        "data.transform={_target_: os.system, _partial_: true}",
        "optimizer._target_=subprocess.Popen",
    ],
)
def test_a_run_refuses_before_anything_of_it_is_done(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path, override: str
) -> None:
    result = cli(*tiny, override)
    assert result.code == 1
    assert "Error: " in result.err
    assert "allowed_packages=[" in result.err
    assert "Traceback" not in result.screen
    assert "rows:" not in result.out
    assert not (tmp_path / "it-ran").exists()
    assert result.summary["status"] == "failed"


def test_a_dry_run_imports_no_more_than_a_run(cli: Cli, tiny: tuple[str, ...], mine: Path) -> None:
    model = ("model._target_=mine_and_harmful.shout", "seed=1,2", "sweep.dry_run=true")
    shown = cli("-m", *tiny, *model, "name=dry")
    assert shown.code == 0, shown.screen
    assert "can't" in shown.out
    assert not mine.exists()
    cli("-m", *tiny, *model, "name=dry", "allowed_packages=[mine_and_harmful]")
    assert mine.exists()


def test_what_is_allowed_is_not_recorded_as_the_runs_own(cli: Cli, tiny: tuple[str, ...]) -> None:
    first = cli(*tiny, "allowed_packages=[misbehaving]")
    assert first.code == 0, first.screen
    assert "allowed_packages" not in json.loads((first.directory / ".hydra" / "config.json").read_text())
    assert "nothing to do" in cli(*tiny).out
