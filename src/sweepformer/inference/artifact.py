"""A trained model as plain data: what any way to use it is built from."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from sweepformer.baselines.saved import read_baseline
from sweepformer.environment import refuse_newer
from sweepformer.errors import UserError
from sweepformer.inference.finding import Found
from sweepformer.plain_configs import check_groups
from sweepformer.run_directory import RunDirectory
from sweepformer.training.checkpoint_files import read_checkpoint
from sweepformer.whole_files import Damaged

OF_MODEL = "model."  # what the names of the model's weights begin with in a checkpoint


@dataclass(frozen=True)
class Artifact:
    """All that a trained model is.

    origin: where it was read; config: of the run, plain; classes: names of classes or tags, in the order of the
    model's outputs; pairs: whether a row is two texts; tokenizer: its `tokenizer.json`, None of baselines; weights:
    of the model by name, tensors, or of baselines arrays; task: what the task itself has learned: `thresholds`, or
    `mean` and `scale`.
    """

    origin: Path
    config: dict[str, Any]
    classes: list[str]
    pairs: bool
    tokenizer: str | None
    weights: dict[str, Any] = field(repr=False)
    task: dict[str, Any] = field(repr=False)

    @property
    def is_baseline(self) -> bool:
        return self.tokenizer is None


def read_artifact(found: Found) -> Artifact:
    """Read what was found; nothing in it is run.

    Weights are those that the run was tested with: the average where `callbacks=ema` kept one.

    Raises:
        UserError: it is damaged, none of ours, or of a newer version.
    """
    return _of_baseline(found) if found.checkpoint.suffix == ".npz" else _of_checkpoint(found.checkpoint)


def _of_checkpoint(path: Path) -> Artifact:
    try:
        return _taken_from(path, read_checkpoint(path))
    except UserError:
        raise
    except (Damaged, OSError) as error:
        raise UserError(f"{path} can't be read as a checkpoint of sweepformer: {error}.") from error
    except Exception as error:  # whatever is made of another file, or of one that was put together wrongly
        reason = str(error).partition("\n")[0]
        raise UserError(f"{path} is no checkpoint of a run of sweepformer ({reason}).") from error


def _taken_from(path: Path, content: dict[str, Any]) -> Artifact:
    about, state = content["sweepformer"], content["state_dict"]
    refuse_newer(about, str(path))
    config = about["config"]
    check_groups(config, ("task", "model", "data", "tokenizer", "trainer"))
    weights = {name.removeprefix(OF_MODEL): value for name, value in state.items() if name.startswith(OF_MODEL)}
    task = {name: value for name, value in state.items() if not name.startswith(OF_MODEL)}
    return Artifact(
        path,
        config,
        about["classes"],
        about.get("pairs", bool(config["data"].get("pair_column"))),
        about["tokenizer"],
        weights,
        task.pop("_extra_state", {}) | task,
    )


def _of_baseline(found: Found) -> Artifact:
    path, run = found.checkpoint, found.run
    if run is None:
        raise UserError(f"{path} is what a baseline learned, without its run. Name the run's directory.")
    refuse_newer(run.read_environment(), str(run.path))
    try:
        learned, task = read_baseline(path)
    except Exception as error:  # whatever numpy makes of another file
        raise UserError(f"{path} can't be read as a baseline ({str(error).splitlines()[0]}).") from error
    config = run.read_config() or {}
    pairs = run.read_environment().get("pairs", bool(config["data"].get("pair_column")))
    numbers = {name: torch.from_numpy(value) if value.ndim else value.item() for name, value in task.items()}
    return Artifact(path, config, _labels(run), pairs, None, learned, numbers)


def _labels(run: RunDirectory) -> list[str]:
    path = run.path / "labels.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read, which names the classes ({error}).") from error
