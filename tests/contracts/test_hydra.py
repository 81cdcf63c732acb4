"""What `sweeps.hydra` counts on in Hydra, each by its name."""

import copy
import re
from pathlib import Path

import cloudpickle  # which Ray and submitit bring along
import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from yaml import safe_load

import sweepformer
from sweepformer.config.presets import CONF
from sweepformer.sweeps.hydra import Plugin, ended, error_of, shared_state, take_over


@pytest.mark.parametrize("preset", sorted((CONF / "hydra").glob("[ls]*er/*.yaml")), ids=lambda path: path.stem)
def test_hydra_finds_our_plugins_under_the_names_of_presets(preset: object) -> None:
    name = safe_load(preset.read_text())["_target_"]  # type: ignore[attr-defined]
    assert issubclass(Plugins.instance().class_name_to_class[name], Plugin)


def test_what_hydra_knows_goes_to_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Singleton, "_instances", copy.copy(Singleton._instances))
    ConfigStore.instance().store(name="mine", node={"a": 1})
    packed = cloudpickle.dumps(shared_state())
    ConfigStore.instance().repo.pop("mine.yaml")
    take_over(cloudpickle.loads(packed))
    assert "mine.yaml" in ConfigStore.instance().repo
    ConfigStore.instance().repo.pop("mine.yaml")


def test_a_job_tells_what_it_raised(capsys: pytest.CaptureFixture[str]) -> None:
    assert error_of(ended(["a=1"], "killed")) == "killed"
    assert error_of(ended(["a=1"], None)) is None
    assert capsys.readouterr().err == ""


def test_hydra_ends_at_the_door() -> None:
    package = Path(sweepformer.__file__).parent
    told = re.compile(r"^\s*(?:from|import) (?:hydra|hydra_plugins)\b", re.M)
    rooms = {path.relative_to(package).parts[0] for path in package.rglob("*.py") if told.search(path.read_text())}
    assert rooms == {"commands", "sweeps"}
