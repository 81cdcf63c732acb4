"""What a model is made with: the options of its config, and what only the program knows."""

from typing import Any

from tokenizers import Tokenizer

from sweepformer.config.kinds import Kind
from sweepformer.data.tokenizer import are_characters, pad_id, separator_id, unknown_id, vocab_size
from sweepformer.models.wide import longest_numbered

OF_TRAINING = ("init_from", "frozen_layers")  # what a model's config says to others
LONGEST_OF_CHARACTERS, LONGEST_OF_WORDS = 5, 2  # tokens in n-grams; as `model=tfidf` has them
OF_WIDE = ("longest", "positions")  # of what it says of a wide path, what that itself is made with


def model_options(config: dict[str, Any], kind: Kind, tokenizer: Tokenizer | None = None) -> dict[str, Any]:
    """What the model of a config is made with; what is null in it goes by the task and the tokens.

    Args:
        config: the whole, plain.
        tokenizer: None: not known yet.
    """
    options = {name: value for name, value in config["model"].items() if name not in OF_TRAINING}
    if isinstance(wide := options.get("wide"), dict):
        options["wide"] = _wide(wide, tokenizer) if _has_wide(config, kind) else None
    if leaves_stem_open(options):
        options["stem"], _ = stem_by_the_task(config, kind)
    return options


def stem_by_the_task(config: dict[str, Any], kind: Kind) -> tuple[str, str]:
    """What a model whose config says `stem: null` has there, and why. Arguments as of `model_options`."""
    if kind.is_language_model:
        return "none", "an encoder is mostly pretrained to answer beside a wide path (for tags: model.stem=convolution)"
    if isinstance(config["model"].get("wide"), dict) and _has_wide(config, kind):
        return "none", "the encoder answers beside a wide path"
    return "convolution", "the encoder answers alone"


def config_as_trained(about: dict[str, Any]) -> dict[str, Any]:
    """The config that a checkpoint holds, in which the stem is the one that the run had.

    about: what the checkpoint says of itself, its config checked to have a model.
    """
    config = about["config"]
    if not leaves_stem_open(config["model"]):
        return config
    return {**config, "model": {**config["model"], "stem": about["stem"]}}


def leaves_stem_open(model: dict[str, Any]) -> bool:
    """Whether a model's config has the option, and null for it."""
    return "stem" in model and model["stem"] is None


def is_by_the_task(wide: Any) -> bool:
    """Whether it goes by the task if there is a wide path. wide: what a model's config says of it, if it does."""
    return isinstance(wide, dict) and wide.get("enabled") is None


def _has_wide(config: dict[str, Any], kind: Kind) -> bool:
    """Whether there is a wide path. Where nothing is said: with one class a row, unless classes are weighed, which a
    pool that is fitted to the validation rows as they are would undo."""
    if not is_by_the_task(config["model"]["wide"]):
        return bool(config["model"]["wide"]["enabled"])
    weighed = config["task"].get("class_weights", "none") != "none" or config["data"].get("sampling") == "balanced"
    return kind.labelled.is_one_class and not weighed


def _wide(wide: dict[str, Any], tokenizer: Tokenizer | None) -> dict[str, Any]:
    options = {name: wide[name] for name in OF_WIDE if name in wide}
    if options.get("longest", 0) is None:
        options["longest"] = LONGEST_OF_WORDS
        if tokenizer is not None and are_characters(tokenizer):
            options["longest"] = min(LONGEST_OF_CHARACTERS, longest_numbered(vocab_size(tokenizer)))
    return options


def known_to_the_program(
    kind: Kind, classes: list[str], tokenizer: Tokenizer, pairs: bool, frequent: int | None
) -> dict[str, Any]:
    """What a model may ask for by a parameter of the name.

    Args:
        pairs: whether a row has two texts.
        frequent: how many tokens, those of the smallest ids, are not rare; None: all.
    """
    return {
        "vocab_size": vocab_size(tokenizer),
        "num_classes": max(len(classes), 1),
        "predicts": kind.predicts,
        "pad_id": pad_id(tokenizer),
        "separator_id": separator_id(tokenizer) if pairs else None,
        "unknown_id": unknown_id(tokenizer),
        "frequent": frequent,
    }
