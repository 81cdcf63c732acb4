"""What a bundle says of itself in `config.json`: how texts are read, what the model is and what its answers mean."""

import inspect
from typing import Any

from torch import Tensor

from sweepformer.config.kinds import Kind
from sweepformer.data.tokenizer import pad_id, separator_id, unknown_id
from sweepformer.errors import UserError
from sweepformer.export.label_kinds import LABELS
from sweepformer.export.weights import CODE, PREFIX, is_own, keys_for_transformers
from sweepformer.inference.artifact import Artifact
from sweepformer.inference.readers import NetworkReader
from sweepformer.runs.environment import made_by
from sweepformer.tasks.model_arguments import known_to_the_program, model_options

LEARNED = ("temperature", "thresholds", "mean", "scale")
# Of a run's config what says how to use it; the rest, paths of its files among it, stays at home.
DATA_KEYS = (
    *("_target_", "text_column", "pair_column", "label_column", "label_separator"),
    *("truncation", "window_overlap", "transform"),
)
TOKENIZER_KEYS = ("kind", "lowercase", "truncation_side")


def contents(artifact: Artifact, kind: Kind, reader: NetworkReader, form: str) -> dict[str, Any]:
    """Plain, for JSON.

    format: of the weights; labelled: the name of a `LabelKind`; reads: how texts become batches; answers: what logits
    stand for; model: its class and what it is made with, where the weights alone are here; run: for `sweepformer.load`.

    Raises:
        UserError: the model can't be made again from this, or transformers can't have it.
    """
    learned = {name: value for name, value in artifact.task.items() if name in LEARNED}
    about: dict[str, Any] = {
        "format": form,
        "labelled": kind.labels,
        "reads": {
            "max_length": reader.truncation.max_length,
            "truncation": reader.truncation.part,
            "window_overlap": reader.truncation.overlap,
            "pairs": reader.pairs,
            "pad_id": pad_id(reader.tokenizer),
            "unknown_id": unknown_id(reader.tokenizer),
            "separator_id": separator_id(reader.tokenizer) if reader.pairs else None,
        },
        "answers": {name: one.tolist() if isinstance(one, Tensor) else one for name, one in learned.items()},
    }
    if form in ("safetensors", "transformers"):
        about["model"] = _model(artifact, kind, reader, flat=form == "transformers")
    about |= {"made_by": made_by(), "run": _run(artifact.config, kind, reader)}
    if form == "transformers":
        about |= keys_for_transformers(LABELS[kind.labelled], artifact.classes, reader.model, about["reads"])
    return about


def _model(artifact: Artifact, kind: Kind, reader: NetworkReader, flat: bool) -> dict[str, Any]:
    target, options = type(reader.model), model_options(artifact.config, kind, reader.tokenizer)
    known = known_to_the_program(kind, artifact.classes, reader.tokenizer, artifact.pairs, artifact.frequent)
    asked = inspect.signature(target).parameters
    arguments = {name: value for name, value in (options | known).items() if name in asked}
    if arguments.get("wide"):  # its shape, before any weights are there
        arguments["wide"] = {**arguments["wide"], "known": len(artifact.weights["wide.keys"]) - 1}
    parts = [name for name, value in arguments.items() if isinstance(value, dict | list) and "_target_" in str(value)]
    if parts:
        raise UserError(
            f"model.{parts[0]} is made of a _target_ of its own, which the program in the folder can't do. "
            "Use --format onnx or torch."
        )
    module = target.__module__
    return {
        "code": ("." if flat else CODE) if is_own(reader.model) else None,
        "module": module.rpartition(".")[2] if is_own(reader.model) else module,
        "class": target.__qualname__,
        "prefix": PREFIX if flat else "",
        "arguments": arguments,
    }


def _run(config: dict[str, Any], kind: Kind, reader: NetworkReader) -> dict[str, Any]:
    model = model_options(config, kind, reader.tokenizer)
    if model.get("wide"):
        model["wide"]["enabled"] = True  # what of the config decides that isn't all here
    return {
        "task": config["task"],
        "model": model,
        "data": {key: config["data"][key] for key in DATA_KEYS if key in config["data"]},
        "tokenizer": {key: config["tokenizer"][key] for key in TOKENIZER_KEYS if key in config["tokenizer"]},
        "trainer": {"precision": "32-true"},  # in which the weights are kept
        "seed": config["seed"],
    }
