"""What a model is made with: the options of its config, and what only the program knows."""

from typing import Any

from tokenizers import Tokenizer

from sweepformer.config.choices import has_wide_path, leaves_stem_open, stem_by_the_task
from sweepformer.config.kinds import Kind
from sweepformer.config.ranges import BEGINNING
from sweepformer.data.tokenizer import are_characters, pad_id, separator_id, unknown_id, vocab_size
from sweepformer.models.options import options as declared
from sweepformer.models.shape import WideShape
from sweepformer.models.wide import highest_ngram_order

ORDER_OF_CHARACTERS, ORDER_OF_WORDS = 5, 2  # tokens in n-grams; as `model=tfidf` has them


def model_options(config: dict[str, Any], kind: Kind, tokenizer: Tokenizer | None = None) -> dict[str, Any]:
    """What the model of a config (the whole, plain) is made with; what is null goes by the task and the tokens.

    tokenizer: None: not known yet.
    """
    options = {name: value for name, value in config["model"].items() if name not in BEGINNING}
    if isinstance(wide := options.get("wide"), dict):
        wide = {name: wide[name] for name in declared(WideShape) if name in wide}
        if wide.get("ngram_order", 0) is None:
            wide["ngram_order"], _ = ngram_order(tokenizer) if tokenizer is not None else (ORDER_OF_WORDS, "")
        options["wide"] = wide if has_wide_path(config, kind) else None
    if leaves_stem_open(options):
        options["stem"], _ = stem_by_the_task(config, kind)
    return options


def ngram_order(tokenizer: Tokenizer) -> tuple[int, str]:
    """How long a wide path's n-grams are where its config says null, and why."""
    if not are_characters(tokenizer):
        return ORDER_OF_WORDS, "as tokens are more than characters"
    most = highest_ngram_order(vocab_size(tokenizer))
    if most < ORDER_OF_CHARACTERS:
        return most, f"the most that can be numbered, of {vocab_size(tokenizer):,} characters"
    return ORDER_OF_CHARACTERS, "as tokens are characters"


def known_to_the_program(
    kind: Kind, classes: list[str], tokenizer: Tokenizer, pairs: bool, frequent: int | None
) -> dict[str, Any]:
    """What a model may ask for by a parameter of the name.

    pairs: whether a row has two texts; frequent: how many tokens, those of the smallest ids, are not rare; None: all.
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
