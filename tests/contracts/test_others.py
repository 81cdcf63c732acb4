"""What single modules count on in libraries that don't document it, and the bounds that keep surprises away."""

import signal
import tomllib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import optuna
import pytest
from omegaconf import EnumNode, OmegaConf
from packaging.requirements import Requirement

from sweepformer.sweeps.storage import report_value

WITH_INTERNALS = {
    "torch", "pytorch-lightning", "hydra-core", "omegaconf", "tensorboard", "optuna", "ray", "submitit", "datasets",
}  # fmt: skip


def test_whose_internals_are_used_has_an_upper_bound() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    needs = [Requirement(one) for each in lists for one in each]
    bounded = {one.name for one in needs if any(each.operator == "<" for each in one.specifier)}
    assert bounded >= WITH_INTERNALS


def test_optuna_takes_a_value_of_a_trial_that_was_asked_for() -> None:
    study = optuna.create_study()
    study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    (trial,) = study.get_trials()
    report_value(study, trial, 0.5, 3)
    assert study.trials[0].intermediate_values == {3: 0.5}


def test_submitit_tells_its_signal() -> None:
    from submitit.core.job_environment import JobEnvironment
    from submitit.helpers import DelayedSubmission

    assert JobEnvironment._usr_sig() == signal.SIGUSR2
    assert DelayedSubmission(max, 1, 2).result() == 2


def test_ray_takes_the_address_of_its_node() -> None:
    import ray

    with pytest.raises(RuntimeError, match=r"[Uu]nknown keyword.*unheard_of") as told:
        ray.init(_node_ip_address="127.0.0.1", unheard_of=1)
    assert "_node_ip_address" not in str(told.value)


def test_datasets_are_told_apart_by_their_fingerprints() -> None:
    from datasets import Dataset

    one, same, other = (Dataset.from_dict({"text": [text]}) for text in ("a", "a", "b"))
    assert one._fingerprint == same._fingerprint != other._fingerprint


class Colour(Enum):
    RED = 1


@dataclass
class Wall:
    colour: Colour | None = None


def test_omegaconf_knows_the_choices_of_a_key_without_a_value() -> None:
    node = OmegaConf.structured(Wall)._get_node("colour", validate_access=False)
    assert isinstance(node, EnumNode)
    assert node.enum_type is Colour
