"""Which parts a model has, where its config leaves that to the task: a stem, a wide path."""

from typing import Any

from sweepformer.config.choices import Choice
from sweepformer.config.kinds import Kind
from sweepformer.config.renamed import with_new_names


def choices_by_the_task(config: dict[str, Any], kind: Kind, stem_there: str | None = None) -> list[Choice]:
    """A value for each part that a plain config leaves open.

    Args:
        stem_there: the stem of the encoder that the run begins with; None: it begins with none.
    """
    model, found = config["model"], []
    if is_by_the_task(model.get("wide")):
        there = has_wide_path(config, kind)
        if there:
            why = "rows have one class each"
        else:
            why = "classes are weighed" if kind.labelled.is_one_class else "it is for rows with one class each"
        found.append(Choice("model.wide.enabled", there, f"as {why}"))
    if leaves_stem_open(model):
        stem, why = (stem_there, "that encoder has it") if stem_there else stem_by_the_task(config, kind)
        found.append(Choice("model.stem", stem, f"as {why}"))
    return found


def stem_by_the_task(config: dict[str, Any], kind: Kind) -> tuple[str, str]:
    """What a model whose config says `stem: null` has there, and why."""
    if kind.is_language_model:
        return "none", "an encoder is mostly pretrained to answer beside a wide path (for tags: model.stem=convolution)"
    if isinstance(config["model"].get("wide"), dict) and has_wide_path(config, kind):
        return "none", "the encoder answers beside a wide path"
    return "convolution", "the encoder answers alone"


def config_as_trained(about: dict[str, Any]) -> dict[str, Any]:
    """The config that a checkpoint holds, in which the stem is the one that the run had, under today's names of keys.

    about: what the checkpoint says of itself, its config checked to have a model.
    """
    config = with_new_names(about["config"])
    if not leaves_stem_open(config["model"]):
        return config
    return {**config, "model": {**config["model"], "stem": about["stem"]}}


def leaves_stem_open(model: dict[str, Any]) -> bool:
    """Whether a model's config has the option, and null for it."""
    return "stem" in model and model["stem"] is None


def is_by_the_task(wide: Any) -> bool:
    """Whether it goes by the task if there is a wide path. wide: what a model's config says of it, if it does."""
    return isinstance(wide, dict) and wide.get("enabled") is None


def has_wide_path(config: dict[str, Any], kind: Kind) -> bool:
    """Whether there is a wide path. Where nothing is said: with one class a row, unless classes are weighed, which a
    pool that is fitted to the validation rows as they are would undo."""
    if not is_by_the_task(config["model"]["wide"]):
        return bool(config["model"]["wide"]["enabled"])
    weighed = config["task"].get("class_weights", "none") != "none" or config["data"].get("sampling") == "balanced"
    return kind.labelled.is_one_class and not weighed
