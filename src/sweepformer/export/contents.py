"""What a bundle holds of a model: what its `config.json` says, its weights and its code."""

import inspect
import json
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from torch import Tensor, nn

from sweepformer.config.kinds import Kind
from sweepformer.data.tokenizer import MASK, SEPARATOR, UNKNOWN, pad_id, separator_id, unknown_id
from sweepformer.errors import UserError
from sweepformer.export.label_kinds import LABELS, BundledLabels
from sweepformer.inference.artifact import Artifact
from sweepformer.inference.readers import NetworkReader
from sweepformer.runs.environment import made_by
from sweepformer.tasks.model_arguments import known_to_the_program, model_options

CODE = "model_code"
OWN_MODELS = "sweepformer.models."
PREFIX = "network."  # what the names of the weights begin with for transformers
MODELING = "modeling_sweepformer"
LEARNED = ("temperature", "thresholds", "mean", "scale")
# Of a run's config what says how to use it; the rest, paths of its files among it, stays at home.
KEPT = {
    "data": (
        *("_target_", "text_column", "pair_column", "label_column", "label_separator"),
        *("sentence_column", "encoding", "separator", "quoting", "header", "token_column", "tag_column"),
        *("truncation", "window_overlap", "transform"),
    ),
    "tokenizer": ("kind", "lowercase", "truncation_side"),
}


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
    config, model = artifact.config, model_options(artifact.config, kind, reader.tokenizer)
    if model.get("wide"):
        model["wide"]["enabled"] = True  # what of the config decides that isn't all here
    kept = {group: {key: config[group][key] for key in keys if key in config[group]} for group, keys in KEPT.items()}
    precision = {"precision": "32-true"}  # in which the weights are kept
    about["made_by"] = made_by()
    about["run"] = {"task": config["task"], "model": model, **kept, "trainer": precision, "seed": config["seed"]}
    if form == "transformers":
        about |= _keys_for_transformers(LABELS[kind.labelled], artifact.classes, reader.model, about["reads"])
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
        "code": ("." if flat else CODE) if _is_own(reader.model) else None,
        "module": module.rpartition(".")[2] if _is_own(reader.model) else module,
        "class": target.__qualname__,
        "prefix": PREFIX if flat else "",
        "arguments": arguments,
    }


def _keys_for_transformers(
    labels: BundledLabels, classes: list[str], model: nn.Module, reads: dict[str, Any]
) -> dict[str, Any]:
    """What `config.json` has more for transformers.

    Raises:
        UserError: the model is none of ours, or the tokenizers there can't read texts as the run does.
    """
    if reads["truncation"] not in ("head", "tail"):
        raise UserError(
            f"--format transformers: its tokenizers can't read data.truncation={reads['truncation']}. "
            "Choose another format: the program in those folders does."
        )
    if not _is_own(model):
        raise UserError("--format transformers is for sweepformer's own models. Use another format.")
    task, names = labels.task, classes or ["number"]
    return {
        "model_type": "sweepformer",
        "architectures": [f"SweepformerFor{task}"],
        "auto_map": {
            "AutoConfig": f"{MODELING}.SweepformerConfig",
            f"AutoModelFor{task}": f"{MODELING}.SweepformerFor{task}",
        },
        "id2label": {str(number): name for number, name in enumerate(names)},
        "label2id": {name: number for number, name in enumerate(names)},
        "problem_type": labels.problem,
    }


def write_model(folder: Path, model: nn.Module, tokenizer: Tokenizer, about: dict[str, Any]) -> None:
    """A safetensors file with the model's state in float32, and its code where that is ours.

    about: what the folder's config.json says.
    """
    from safetensors.torch import save_file

    state = {
        about["model"]["prefix"] + name: (value.float() if value.is_floating_point() else value).contiguous().clone()
        for name, value in model.state_dict().items()
    }
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    if about["format"] == "transformers":
        _write_for_transformers(folder, tokenizer, about["reads"])
    elif _is_own(model):
        _write_code(folder / CODE)


def _write_code(folder: Path, *others: Traversable) -> None:
    """The modules that models are made of, which know torch alone, and others: each imports those beside it."""
    folder.mkdir(exist_ok=True)
    for source in (*files("sweepformer.models").iterdir(), *others):
        if source.name.endswith(".py") and source.name != "__init__.py":
            text = re.sub(rf"^from {re.escape(OWN_MODELS)}", "from .", source.read_text(encoding="utf-8"), flags=re.M)
            (folder / source.name).write_text(text, encoding="utf-8")


def _is_own(model: nn.Module) -> bool:
    """Whether a model's code is sweepformer's."""
    return type(model).__module__.startswith(OWN_MODELS)


def _write_for_transformers(folder: Path, tokenizer: Tokenizer, reads: dict[str, Any]) -> None:
    """Code and tokenizer config; the code lies flat, as transformers copies single files only."""
    _write_code(folder, files("sweepformer.export") / f"{MODELING}.py")
    known = {"unk_token": UNKNOWN, "sep_token": SEPARATOR, "mask_token": MASK}
    about = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": reads["max_length"],
        "model_input_names": ["input_ids", "attention_mask"],
        "pad_token": tokenizer.id_to_token(reads["pad_id"]),
        "truncation_side": "left" if reads["truncation"] == "tail" else "right",
        "split_special_tokens": True,
        "clean_up_tokenization_spaces": False,
        **{name: token for name, token in known.items() if tokenizer.token_to_id(token) is not None},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
