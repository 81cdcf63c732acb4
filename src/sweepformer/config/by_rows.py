"""What a run takes from the number of its training rows: epochs, batch size, learning rate, where these are null."""

from collections.abc import Iterator
from typing import Any

from sweepformer.config.choices import Choice, with_choices
from sweepformer.errors import UserError

GROUPS = {"max_epochs": "trainer", "batch_size": "data", "lr": "optimizer"}  # where each value belongs
FEWEST_EPOCHS = 2  # whatever they take


def choices_by_rows(config: dict[str, Any], rows: int, tokens: int = 0) -> list[Choice]:
    """A value for each key that goes by the training rows and is null.

    Args:
        config: the whole, plain.
        rows: how many there are.
        tokens: how many an epoch reads; 0: not known, so that they limit nothing.

    Raises:
        UserError: something is null, and `recipe` has no value for it.
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
