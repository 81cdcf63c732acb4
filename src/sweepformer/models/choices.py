"""One way to refuse a name that is not on the list."""

from collections.abc import Iterable


def check_choice(what: str, given: str, allowed: Iterable[str]) -> None:
    """Raises a ValueError that names the allowed values, unless `given` is one of them."""
    allowed = list(allowed)
    if given not in allowed:
        raise ValueError(f"{what}={given!r} is not one of {', '.join(allowed)}")
