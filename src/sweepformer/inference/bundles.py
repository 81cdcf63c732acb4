"""What `export` has written, read again: a bundle is used as the run that it was made of."""

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from sweepformer.config.plain import check_groups, with_new_names
from sweepformer.config.targets import is_within, trusted_packages
from sweepformer.errors import UserError
from sweepformer.files.atomic import SEAL, check_seal
from sweepformer.inference.artifact import Artifact
from sweepformer.inference.bundle_predict import open_graph
from sweepformer.runs.environment import refuse_newer
from sweepformer.screen.command_line import install_line

GRAPHS = {".onnx": "onnx", ".pt2": "torch"}  # the formats of models whose operations are all that is known, by ending
LOADER = "torch.export"  # which unpickles what is in a .pt2, and evaluates expressions in it
READ = ("config.json", "labels.json", "tokenizer.json")  # beside the model
TENSORS = ("temperature", "thresholds")


def is_bundled(path: Path) -> bool:
    """Whether this is the model of a bundle, by its name."""
    return path.suffix in (*GRAPHS, ".safetensors")


def is_graph(path: Path) -> bool:
    """Whether it is one whose code is not known."""
    return path.suffix in GRAPHS


def read_bundle(path: Path) -> Artifact:
    """A bundle as plain data. path: of its model; weights are left out where that is a graph.

    Raises:
        UserError: it is none, not as it was written, or of a newer version.
    """
    folder = path.parent
    try:
        if (folder / SEAL).exists():
            check_seal(folder, needed=(*READ, path.name))
        about = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        refuse_newer(about["made_by"], str(folder))
        check_groups(about["run"], ("task", "model", "data", "tokenizer", "trainer"))
        return Artifact(
            path,
            with_new_names(about["run"]),
            json.loads((folder / "labels.json").read_text(encoding="utf-8")),
            about["reads"]["pairs"],
            (folder / "tokenizer.json").read_text(encoding="utf-8"),
            {} if is_graph(path) else _weights(path, about["model"]["prefix"]),
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

    path: of the model, in its bundle.

    Raises:
        UserError: what runs it is not installed, it is damaged, or reading it may run code that nobody allowed.
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
