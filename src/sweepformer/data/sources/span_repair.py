"""Tags of spans that don't fit together: written anew, and told, or refused."""

from collections.abc import Sequence

from sweepformer.data.sources.places import Place
from sweepformer.data.spans import rewritten, scheme_of
from sweepformer.errors import UserError


def repair_spans(rows: list[list[str]], places: Sequence[Place], refuse: bool) -> list[str]:
    """Make the tags of all rows valid, in place, by the rule of `spans_of`; other tags than those of spans may be any.

    Args:
        rows: each row's tags.
        places: where each row stands, for messages.
        refuse: don't repair.

    Returns:
        What the user should know of it: nothing, or a line.

    Raises:
        UserError: a row is not valid, and `refuse`.
    """
    scheme = scheme_of(tag for row in rows for tag in row)
    if scheme is None:
        return []
    changed, touched, first = 0, 0, ""
    for number, tags in enumerate(rows):
        valid = rewritten(tags, scheme)
        wrong = [place for place, (tag, other) in enumerate(zip(tags, valid, strict=True)) if tag != other]
        if not wrong:
            continue
        change = f"{places[number].of_word(wrong[0])}: {tags[wrong[0]]!r}"
        if refuse:
            before = f"after {tags[wrong[0] - 1]!r}" if wrong[0] else "at the beginning"
            raise UserError(
                f"{change} {before} is not valid {scheme}, {valid[wrong[0]]!r} would be. Correct it, or choose "
                "data.invalid_spans=repair."
            )
        first = first or f"{change} became {valid[wrong[0]]!r}"
        rows[number] = valid
        changed, touched = changed + len(wrong), touched + 1
    if not changed:
        return []
    return [
        f"{changed} tags in {touched} rows were not valid {scheme} and are repaired (a tag that goes on with no span "
        f"begins one), the first in {first}; data.invalid_spans=refuse stops instead"
    ]
