"""A trained model as plain data, whatever it was read from: what any way to use it is built from."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sweepformer.baselines.baseline import read_baseline
from sweepformer.config.choices import config_as_trained
from sweepformer.config.plain import check_groups, with_new_names
from sweepformer.config.targets import is_within, trusted_packages
from sweepformer.errors import UserError
from sweepformer.files.atomic import SEAL, Damaged, check_seal
from sweepformer.files.checkpoints import read_checkpoint
from sweepformer.inference.bundle_predict import open_graph
from sweepformer.runs.environment import refuse_newer
from sweepformer.runs.finding import Found
from sweepformer.screen.command_line import install_line

OF_MODEL = "model."  # what the names of the model's weights begin with in a checkpoint
GRAPHS = {".onnx": "onnx", ".pt2": "torch"}  # the formats of models whose operations are all that is known, by ending
LOADER = "torch.export"  # which unpickles what is in a .pt2, and evaluates expressions in it
READ = ("config.json", "labels.json", "tokenizer.json")  # beside the model
TENSORS = ("temperature", "thresholds")
GROUPS = ("task", "model", "data", "tokenizer", "trainer")  # of the config that a network is built from


@dataclass(frozen=True)
class Artifact:
    """All that a trained model is.

    origin: where it was read; config: of the run, plain; classes: names of classes or tags, in the order of the
    model's outputs; pairs: whether a row is two texts; tokenizer: its `tokenizer.json`, None of baselines; weights:
    of the model by name, tensors, or of baselines arrays, none of graphs; task: what the task itself has learned:
    `thresholds`, or `mean` and `scale`; frequent: how many tokens are not rare, None: all.
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

    @property
    def is_graph(self) -> bool:
        """Whether its operations are all that is known of the model, and not its code."""
        return self.origin.suffix in GRAPHS


def is_bundled(path: Path) -> bool:
    """Whether this is the model of a bundle, by its name."""
    return path.suffix in (*GRAPHS, ".safetensors")


def read_artifact(found: Found) -> Artifact:
    """Read what was found: a checkpoint, a baseline, or a bundle that `export` has written; nothing in it is run.

    Weights are those that the run was tested with: the average where `callbacks=ema` kept one.

    Raises:
        UserError: it is damaged, none of ours, or of a newer version.
    """
    path = found.checkpoint
    if is_bundled(path):
        return _of_bundle(path)
    return _of_baseline(path) if path.suffix == ".npz" else _of_checkpoint(path)


def _of_checkpoint(path: Path) -> Artifact:
    try:
        content = read_checkpoint(path)
        about, state = content["sweepformer"], content["state_dict"]
        refuse_newer(about, str(path))
        check_groups(about["config"], GROUPS)
        config = config_as_trained(about)
        weights = {name.removeprefix(OF_MODEL): value for name, value in state.items() if name.startswith(OF_MODEL)}
        task = {name: value for name, value in state.items() if not name.startswith(OF_MODEL)}
        pairs = about.get("pairs", bool(config["data"].get("pair_column")))
        learned = task.pop("_extra_state", {}) | task
        return Artifact(
            path, config, about["classes"], pairs, about["tokenizer"], weights, learned, about.get("frequent")
        )
    except UserError:
        raise
    except (Damaged, OSError) as error:
        raise UserError(f"{path} can't be read as a checkpoint of sweepformer: {error}.") from error
    except Exception as error:  # whatever is made of another file, or of one that was put together wrongly
        reason = str(error).partition("\n")[0]
        raise UserError(f"{path} is no checkpoint of a run of sweepformer ({reason}).") from error


def _of_baseline(path: Path) -> Artifact:
    try:
        learned, task, about = read_baseline(path)
        refuse_newer(about, str(path))
        check_groups(about["config"], GROUPS[:3])
        config = with_new_names(about["config"])
        numbers = {name: torch.from_numpy(value) if value.ndim else value.item() for name, value in task.items()}
        return Artifact(path, config, about["classes"], about["pairs"], None, learned, numbers)
    except UserError:
        raise
    except Exception as error:  # whatever numpy makes of another file
        reason = str(error).partition("\n")[0]
        raise UserError(f"{path} can't be read as a baseline ({reason}).") from error


def _of_bundle(path: Path) -> Artifact:
    folder = path.parent
    try:
        if (folder / SEAL).exists():
            check_seal(folder, needed=(*READ, path.name))
        about = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        refuse_newer(about["made_by"], str(folder))
        check_groups(about["run"], GROUPS)
        return Artifact(
            path,
            with_new_names(about["run"]),
            json.loads((folder / "labels.json").read_text(encoding="utf-8")),
            about["reads"]["pairs"],
            (folder / "tokenizer.json").read_text(encoding="utf-8"),
            {} if path.suffix in GRAPHS else _weights(path, about["model"]["prefix"]),
            {name: torch.tensor(value) if name in TENSORS else value for name, value in about["answers"].items()},
            about.get("model", {}).get("arguments", {}).get("frequent"),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{folder} is no folder that sweepformer exported, or damaged ({error}).") from error


def _weights(path: Path, prefix: str) -> dict[str, Tensor]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise UserError(f"{path} needs safetensors: {install_line('export')}") from error
    try:
        return {name.removeprefix(prefix): value for name, value in load_file(path).items()}
    except SafetensorError as error:
        raise ValueError(f"{path.name}: {error}") from error


class Graph(nn.Module):
    """A bundle's model whose operations are all that is known of it; it runs on the CPU, in float32.

    A UserError says if what runs it is not installed, it is damaged, or reading it may run code that nobody allowed.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        form = GRAPHS[path.suffix]  # whatever its config.json says: other formats bring code
        if form == "torch" and not is_within(LOADER, trusted_packages()):
            raise UserError(
                f"{path}: {LOADER} runs code that somebody has put into such a file. If you trust it, say so: "
                f"load(..., allowed_packages=[{LOADER!r}]), or --allow {LOADER}. Exported as onnx or safetensors, a "
                "run needs no trust."
            )
        try:
            self._ask = open_graph(path.parent, {"format": form})
        except ImportError as error:
            raise UserError(f"{path} needs onnxruntime: {install_line('export')}") from error
        except Exception as error:  # whatever torch or onnxruntime make of another file
            raise UserError(f"{path} can't be read ({str(error).splitlines()[0]}).") from error

    def forward(self, token_ids: Tensor, layout: Tensor | None = None) -> Tensor:
        """As `Transformer.forward`, of padded rows."""
        padding = torch.zeros_like(token_ids, dtype=torch.bool) if layout is None else layout
        return torch.from_numpy(self._ask(token_ids.numpy(), padding.numpy()))
