"""Values that a run decides itself, where its config leaves them open.

By the number of its training rows: epochs, batch size, learning rate. By its task: a stem, a wide path.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from sweepformer.config.kinds import Kind
from sweepformer.config.plain import with_new_names
from sweepformer.errors import UserError

GROUPS = {"max_epochs": "trainer", "batch_size": "data", "lr": "optimizer"}  # where each value by the rows belongs
FEWEST_EPOCHS = 2  # whatever they take


class Choice(NamedTuple):
    """One value that was decided. key: its full name in the config, or, without a dot, a name for what no key says;
    why: for people.
    """

    key: str
    value: Any
    why: str


def with_choices(config: dict[str, Any], choices: Iterable[Choice]) -> dict[str, Any]:
    """A plain config in which what was decided stands in place of what was open; `config` itself stays as it is."""
    for key, value, _ in choices:
        config = _with(config, key.split("."), value) if "." in key else config
    return config


def _with(node: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    first, *rest = path
    return {**node, first: _with(node[first], rest, value) if rest else value}


def choices_by_rows(config: dict[str, Any], rows: int, tokens: int = 0) -> list[Choice]:
    """A value for each key that goes by the training rows and is null; a UserError where `recipe` has none for it.

    config: the whole, plain; tokens: how many an epoch reads; 0: not known, so that they limit nothing.
    """
    found = [
        Choice(f"{GROUPS[name]}.{name}", _value(config, name, rows, tokens), _why(config, name, rows, tokens))
        for name in asked_for(config)
    ]
    if "max_lr" in config["scheduler"] and config["scheduler"]["max_lr"] is None:  # ${optimizer.lr}
        lr = next((one.value for one in found if one.key == "optimizer.lr"), config["optimizer"].get("lr"))
        found.append(Choice("scheduler.max_lr", lr, "as optimizer.lr"))
    return found


def every_settled(config: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The config with the values of each range of rows, and the fewest rows of that range."""
    limits = (config.get("recipe") or {}).get("rows", []) if asked_for(config) else []
    for rows in (1, *(limit + 1 for limit in limits)):
        yield rows, with_choices(config, choices_by_rows(config, rows))


def asked_for(config: dict[str, Any]) -> list[str]:
    """Names of the values that go by the rows."""
    ends_otherwise = config["trainer"].get("max_steps", -1) != -1
    return [
        name
        for name, group in GROUPS.items()
        if name in config[group] and config[group][name] is None and not (name == "max_epochs" and ends_otherwise)
    ]


def check_recipe(recipe: Any) -> None:
    """Raises a UserError if `recipe` doesn't say one value for each range of rows."""
    if recipe is None:
        return
    keys = ("rows", *GROUPS, "tokens", "width")
    if not isinstance(recipe, dict) or not recipe:
        raise UserError(f"recipe={recipe}: it has the keys {', '.join(keys)}; null: nothing goes by the rows.")
    if wrong := [f"recipe.{name}" for name in recipe if name not in keys]:
        raise UserError(f"{wrong[0]}: there is no such key. recipe has {', '.join(keys)}.")
    width = recipe.get("width")
    if width is not None and not (_is_whole(width) and width > 0):
        raise UserError(f"recipe.width={width}: give the width of a model, such as 128, or null.")
    limits = recipe.get("rows")
    if not isinstance(limits, list) or not all(_is_whole(one) and one > 0 for one in limits):
        raise UserError(f"recipe.rows={limits}: give numbers of training rows, such as [3000,30000].")
    if limits != sorted(set(limits)):
        raise UserError(f"recipe.rows={limits}: the numbers must rise.")
    for name in (*GROUPS, "tokens"):
        values = recipe.get(name)
        if values is not None and not (isinstance(values, list) and len(values) == len(limits) + 1):
            raise UserError(
                f"recipe.{name}={values}: give {len(limits) + 1} values, one for up to each of recipe.rows={limits}, "
                "and one beyond."
            )
        allowed = (int, float) if name == "lr" else int
        given = [one for one in values or [] if not (name == "tokens" and one is None)]
        if wrong := [one for one in given if not isinstance(one, allowed) or isinstance(one, bool) or one <= 0]:
            raise UserError(
                f"recipe.{name}={values}: {wrong[0]} must be a {'' if name == 'lr' else 'whole '}number above 0."
            )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _why(config: dict[str, Any], name: str, rows: int, tokens: int) -> str:
    """What a value goes by, in words."""
    if _value(config, name, rows, tokens) != _value(config, name, rows, 0) and name == "max_epochs":
        usual = _value(config, name, rows, 0)
        return f"fewer than {usual}, as each reads {tokens:,} tokens (recipe.tokens)"
    limits = config["recipe"]["rows"]
    above = [f"above {limit:,}" for limit in limits if rows > limit][-1:]
    up_to = [f"up to {limit:,}" for limit in limits if rows <= limit][:1]
    wide = f" and a width of {config['model']['embedding_dim']}" if name == "lr" and _times_wider(config) > 1 else ""
    return f"for {rows:,} training rows ({' and '.join(above + up_to) or 'any number'}){wide}"


def _value(config: dict[str, Any], name: str, rows: int, tokens: int) -> Any:
    recipe = config.get("recipe") or {}
    if not recipe.get(name):
        raise UserError(f"{GROUPS[name]}.{name} is null, and recipe.{name} says nothing of it: give one of them.")
    place = sum(rows > limit for limit in recipe["rows"])
    value = recipe[name][place]
    most = recipe["tokens"][place] if recipe.get("tokens") else None
    if name == "max_epochs" and most and tokens:
        return min(value, max(most // tokens, FEWEST_EPOCHS))
    times = _times_wider(config)
    return float(f"{value / times:.3g}") if name == "lr" and times > 1 else value


def _times_wider(config: dict[str, Any]) -> float:
    """How many times as wide an encoder is as those that `recipe.lr` is for; 1 if it isn't wider, or no encoder.

    Adam's steps are as large whatever a matrix maps, and the sums of a wider one change more by them: so its rate falls
    with the width (Yang et al. 2021, "Tensor Programs V", table 3).
    """
    width, usual = config["model"].get("embedding_dim"), (config.get("recipe") or {}).get("width")
    return max(width / usual, 1.0) if isinstance(width, int) and "num_layers" in config["model"] and usual else 1.0


def choices_by_the_task(config: dict[str, Any], kind: Kind, stem_there: str | None = None) -> list[Choice]:
    """A value for each part left open; `stem_there`: of the encoder that the run begins with, if it does."""
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
    """The config in what a checkpoint says of itself: the stem is the one that the run had, keys have today's names."""
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
