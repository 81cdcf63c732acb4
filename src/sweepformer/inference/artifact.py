"""A trained model as plain data: what any way to use it is built from."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from sweepformer.baselines.baseline import read_baseline
from sweepformer.config.choices import config_as_trained
from sweepformer.config.plain import check_groups, with_new_names
from sweepformer.errors import UserError
from sweepformer.files.atomic import Damaged
from sweepformer.files.checkpoints import read_checkpoint
from sweepformer.runs.environment import refuse_newer
from sweepformer.runs.finding import Found

OF_MODEL = "model."  # what the names of the model's weights begin with in a checkpoint


@dataclass(frozen=True)
class Artifact:
    """All that a trained model is.

    origin: where it was read; config: of the run, plain; classes: names of classes or tags, in the order of the
    model's outputs; pairs: whether a row is two texts; tokenizer: its `tokenizer.json`, None of baselines; weights:
    of the model by name, tensors, or of baselines arrays; task: what the task itself has learned: `thresholds`, or
    `mean` and `scale`; frequent: how many tokens are not rare, None: all.
    """

    origin: Path
    config: dict[str, Any]
    classes: list[str]
    pairs: bool
    tokenizer: str | None
    weights: dict[str, Any] = field(repr=False)
    task: dict[str, Any] = field(repr=False)
    frequent: int | None = None

    @property
    def is_baseline(self) -> bool:
        return self.tokenizer is None


def read_artifact(found: Found) -> Artifact:
    """Read what was found; nothing in it is run.

    Weights are those that the run was tested with: the average where `callbacks=ema` kept one.

    Raises:
        UserError: it is damaged, none of ours, or of a newer version.
    """
    path = found.checkpoint
    return _of_baseline(path) if path.suffix == ".npz" else _of_checkpoint(path)


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
    check_groups(about["config"], ("task", "model", "data", "tokenizer", "trainer"))
    config = config_as_trained(about)
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
        about.get("frequent"),
    )


def _of_baseline(path: Path) -> Artifact:
    try:
        learned, task, about = read_baseline(path)
        refuse_newer(about, str(path))
        check_groups(about["config"], ("task", "model", "data"))
        config = with_new_names(about["config"])
        numbers = {name: torch.from_numpy(value) if value.ndim else value.item() for name, value in task.items()}
        return Artifact(path, config, about["classes"], about["pairs"], None, learned, numbers)
    except UserError:
        raise
    except Exception as error:  # whatever numpy makes of another file
        reason = str(error).partition("\n")[0]
        raise UserError(f"{path} can't be read as a baseline ({reason}).") from error
