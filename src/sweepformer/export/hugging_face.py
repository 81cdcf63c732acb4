"""What the library transformers wants to find in a folder beside the weights."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from sweepformer.data.tokenizer import MASK, SEPARATOR, UNKNOWN
from sweepformer.errors import UserError
from sweepformer.export.label_kinds import BundledLabels
from sweepformer.export.weights import copy_code, write_code

PREFIX = "network."  # what the names of the weights begin with there
MODELING = "modeling_sweepformer"


def check_reads_so(reads: dict[str, Any]) -> None:
    """Raises a UserError if the tokenizers of transformers can't read texts as the run does."""
    if reads["truncation"] not in ("head", "tail"):
        raise UserError(
            f"--format transformers: its tokenizers can't read data.truncation={reads['truncation']}. "
            "Choose another format: the program in those folders does."
        )


def config_keys(labels: BundledLabels, classes: list[str]) -> dict[str, Any]:
    """What `config.json` has more."""
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


def write_for_transformers(folder: Path, tokenizer: Tokenizer, reads: dict[str, Any]) -> None:
    """Code and tokenizer config; the code lies flat, as transformers copies single files only."""
    write_code(folder)
    copy_code(files("sweepformer.export") / f"{MODELING}.py", folder)
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
