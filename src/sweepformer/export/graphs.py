"""A model as a graph of operations, for runtimes that know nothing of its code: torch.export and ONNX."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from sweepformer.errors import UserError
from sweepformer.export.label_kinds import BundledLabels
from sweepformer.models.attention import SelfAttention
from sweepformer.screen.command_line import install_line

INPUTS = ("token_ids", "padding")
NUMBERS = ("temperature", "mean", "scale")  # of what tasks learn
NEEDED = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "torch": (),
    "safetensors": ("safetensors",),
    "transformers": ("safetensors",),
}
TRACED_ROWS, TRACED_TOKENS = 3, 7  # any will do that are above 1, which torch takes for a constant


class Answering(nn.Module):
    """A model in float32 whose answers are in the user's terms. learned: `temperature`, or `mean` and `scale`."""

    def __init__(self, model: nn.Module, labels: BundledLabels, learned: dict[str, Any]) -> None:
        super().__init__()
        self.model, self.labels = model, labels
        self.learned = {name: float(learned[name]) for name in NUMBERS if name in learned}

    def forward(self, token_ids: Tensor, padding: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, (batch, outputs) or of tokens (batch, length, tags), and `BundledLabels.answers`, of the same shape.

        token_ids: (batch, length) int64; padding: (batch, length) bool, True where there is no token.
        """
        logits = self.model(token_ids, padding)
        return logits, self.labels.answers(logits, self.learned)


def trace(model: Answering, max_length: int) -> ExportedProgram:
    """The model's operations, for any number of rows of up to `max_length` tokens.

    Raises:
        UserError: a model of a user's own does what depends on numbers in a batch, or on its shape.
    """
    model = deepcopy(model).eval().requires_grad_(False)
    for module in model.modules():
        if isinstance(module, SelfAttention):
            module.kernel = "sdpa"  # the others go by the batch's shape, or have code of their own
    padding = torch.zeros(TRACED_ROWS, min(TRACED_TOKENS, max(max_length, 2)), dtype=torch.bool)
    padding[0, -1] = True
    try:
        with _quietly():
            inputs = (padding.long(), padding)
            program = torch.export.export(model, inputs, dynamic_shapes=_shapes(max_length), strict=False)
    except Exception as error:  # whatever torch makes of code that it can't follow
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UserError(
            f"model: {type(model.model).__name__} can't be made a graph of operations ({reason}). "
            "Use --format safetensors, which keeps its code."
        ) from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # where the code stands on this machine
    return program


def write_onnx(program: ExportedProgram, path: Path, answer: str, max_length: int) -> None:
    """A file for onnxruntime and others: one, up to 2 GB. answer: the name of the second output."""
    with _quietly():
        made = torch.onnx.export(
            program,
            input_names=INPUTS,
            output_names=("logits", answer),
            dynamic_shapes=_shapes(max_length),  # here for the names of the axes only
            verbose=False,
        )
        assert made is not None
        for node in made.model.graph.all_nodes():
            node.metadata_props.clear()  # where the code stands on this machine
        made.save(path, external_data=False)


def quantize(path: Path) -> None:
    """Make the weights of an ONNX file's matrix products 8-bit integers; what is multiplied with them is rounded alike,
    row by row as it comes (dynamic quantisation).
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(path)
    del model.graph.value_info[:]  # shapes inside, some of which are no longer true once weights are turned
    with _quietly():
        quantize_dynamic(model, path, weight_type=QuantType.QInt8, per_channel=True)


def check_is_there(form: str) -> None:
    """Raises a UserError if what writes a format is not installed."""
    missing = [name for name in NEEDED[form] if find_spec(name) is None]
    if missing:
        raise UserError(
            f"--format {form} needs the extra [export] ({', '.join(missing)} missing): {install_line('export')}"
        )


def _shapes(max_length: int) -> dict[str, dict[int, Any]]:
    axes = {0: Dim("batch", min=1), 1: Dim("length", min=1, max=max(max_length, 2))}
    return dict.fromkeys(INPUTS, axes)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what the exporters say of themselves, which a user can do nothing about."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
