"""What a model is made with: the options of its config, and what only the program knows."""

from typing import Any

from tokenizers import Tokenizer

from sweepformer.data.tokenizer import pad_id, separator_id, vocab_size
from sweepformer.tasks.kinds import Kind

OF_TRAINING = ("init_from", "frozen_layers")  # what a model's config says to others
OF_WIDE = ("longest", "positions")  # of what it says of a wide path, what that itself is made with


def model_options(model: dict[str, Any]) -> dict[str, Any]:
    """Of a model's config what the model itself is made with."""
    options = {name: value for name, value in model.items() if name not in OF_TRAINING}
    if isinstance(wide := options.get("wide"), dict):
        options["wide"] = {name: wide[name] for name in OF_WIDE if name in wide} if wide.get("enabled") else None
    return options


def known_to_the_program(kind: Kind, classes: list[str], tokenizer: Tokenizer, pairs: bool) -> dict[str, Any]:
    """What a model may ask for by a parameter of the name. pairs: whether a row has two texts."""
    return {
        "vocab_size": vocab_size(tokenizer),
        "num_classes": max(len(classes), 1),
        "predicts": kind.predicts,
        "pad_id": pad_id(tokenizer),
        "separator_id": separator_id(tokenizer) if pairs else None,
    }
