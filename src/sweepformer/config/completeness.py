"""Whether a config has the parts that every run needs: groups and keys can be deleted (~key), or set to anything."""

from typing import Any

from sweepformer.config.renamed import check_names
from sweepformer.errors import UserError, hint

TOP_LEVEL = (
    "task", "model", "data", "tokenizer", "optimizer", "scheduler", "trainer", "callbacks", "logger", "seed", "name",
    "pretrain", "recipe",
)  # fmt: skip
NEEDED = ("task", "model", "data", "tokenizer", "optimizer", "scheduler", "trainer")
OF_TOKENIZERS = ("kind", "vocab_size", "min_frequency", "lowercase", "truncation_side")
OF_SOME_TOKENIZERS = ("path", "rare_words")


def check_complete(config: dict[str, Any]) -> None:
    """Raises a UserError at what is missing, or is not what it should be. Runs before anything else looks into it."""
    for key in config:
        if key not in TOP_LEVEL:
            raise UserError(f"{key}: there is no such key.{hint(key, TOP_LEVEL)}")
    check_names(config)
    for group in NEEDED:
        if not isinstance(config.get(group), dict):
            raise UserError(f"{group} is missing: choose one of its options, {group}=... (--help lists them).")
        if group != "tokenizer" and not isinstance(config[group].get("_target_"), str):
            raise UserError(f"{group}._target_ is missing: name the class or function, as package.module.Name.")
    for key in config["tokenizer"]:
        if key not in (known := (*OF_TOKENIZERS, *OF_SOME_TOKENIZERS)):
            raise UserError(f"tokenizer.{key}: there is no such key.{hint(key, known, 'tokenizer.')}")
    for key in OF_TOKENIZERS:
        if key not in config["tokenizer"]:
            raise UserError(f"tokenizer.{key} is missing: begin a YAML of your own with defaults: [wordpiece, _self_].")
    for group in ("callbacks", "logger"):
        parts = config.get(group) or {}
        if not isinstance(parts, dict):
            raise UserError(f"{group}={parts!r}: choose one of its options, {group}=... (--help lists them).")
        for name, options in parts.items():
            if options is not None and not (isinstance(options, dict) and isinstance(options.get("_target_"), str)):
                raise UserError(
                    f"{group}.{name}={options!r}: it needs a _target_, the class as package.module.Name; "
                    "null leaves it out."
                )
    seed = config.get("seed")
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**32:
        raise UserError(f"seed={seed!r} must be a whole number from 0 to {2**32 - 1}.")
