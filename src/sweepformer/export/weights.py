"""A model as its weights and its code: torch alone makes it again, or the library transformers with a few keys more."""

import json
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from torch import nn

from sweepformer.data.tokenizer import MASK, SEPARATOR, UNKNOWN
from sweepformer.errors import UserError
from sweepformer.export.label_kinds import BundledLabels

CODE = "model_code"
OWN_MODELS = "sweepformer.models."
PREFIX = "network."  # what the names of the weights begin with for transformers
MODELING = "modeling_sweepformer"


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
    elif is_own(model):
        _write_code(folder / CODE)


def _write_code(folder: Path) -> None:
    """The modules that models are made of: they know torch alone, so that copies of them serve as they are."""
    folder.mkdir(exist_ok=True)
    for source in files("sweepformer.models").iterdir():
        if source.name.endswith(".py") and source.name != "__init__.py":
            _copy_code(source, folder)


def _copy_code(source: Traversable, folder: Path) -> None:
    """A module whose imports of models are of those beside it."""
    text = re.sub(rf"^from {re.escape(OWN_MODELS)}", "from .", source.read_text(encoding="utf-8"), flags=re.M)
    (folder / source.name).write_text(text, encoding="utf-8")


def is_own(model: nn.Module) -> bool:
    """Whether a model's code is sweepformer's."""
    return type(model).__module__.startswith(OWN_MODELS)


def keys_for_transformers(
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
    if not is_own(model):
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


def _write_for_transformers(folder: Path, tokenizer: Tokenizer, reads: dict[str, Any]) -> None:
    """Code and tokenizer config; the code lies flat, as transformers copies single files only."""
    _write_code(folder)
    _copy_code(files("sweepformer.export") / f"{MODELING}.py", folder)
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
