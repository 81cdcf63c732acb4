"""Spans of words (names, slots), as BIO, BIOES and BILOU tags write them."""

import re
from collections.abc import Iterable, Sequence

from seqscore.encoding import REPAIR_CONLL, get_encoding
from seqscore.model import Mention

from sweepformer.data.sources.places import Place
from sweepformer.errors import UserError

OUTSIDE = "O"
SCHEMES = {"BIO": "BI", "BIOES": "BIES", "BILOU": "BILU"}  # how a tag of each may begin, before "-" and the type
BEGINS, ENDS = "BSU", "ESLU"
PROPER = re.compile("[BIELSU]-.+")
ALIKE = re.compile("[BIELMSU][-_:./].+", re.IGNORECASE)  # B_PER, b-PER, and M-PER of BMES


def scheme_of(tags: Iterable[str]) -> str | None:
    """The scheme that tags of spans are written in; None if they are something else, such as parts of speech."""
    states = set()
    for tag in set(tags) - {OUTSIDE}:
        state, dash, kind = tag.partition("-")
        if not (dash and kind):
            return None
        states.add(state)
    return next((name for name, known in SCHEMES.items() if states and states <= set(known)), None)


def doubtful_tag(tags: Iterable[str]) -> str | None:
    """The first tag, by the alphabet, for which tags that mostly look like those of spans are in no scheme.

    None if they are in one, or are something else altogether.
    """
    names = sorted(set(tags) - {OUTSIDE})
    if scheme_of(names) or 2 * sum(bool(ALIKE.fullmatch(name)) for name in names) <= len(names):
        return None
    return next((name for name in names if not PROPER.fullmatch(name)), names[0])


def spans_of(tags: Sequence[str]) -> list[Mention]:
    """The spans that a row's tags stand for: their places and types.

    A valid row has one reading. In any other, a tag that would go on with a span where none of its type is open begins
    one: I-X after O is B-X ("conlleval" repair, Palen-Michel et al. 2021, SeqScore); and a span ends before whatever
    does not go on with it.
    """
    encoding = get_encoding("BIO")
    return encoding.decode_labels(encoding.repair_labels(_as_bio(tags), REPAIR_CONLL))


def rewritten(tags: Sequence[str], scheme: str) -> list[str]:
    """The spans of a row's tags as the scheme writes them: the same tags, if they were valid."""
    return list(get_encoding(scheme).encode_mentions(spans_of(tags), len(tags)))


def _as_bio(tags: Sequence[str]) -> list[str]:
    found, ended = [], True
    for tag in tags:
        state, _, kind = tag.partition("-")
        begins = state in BEGINS or ended
        found.append(OUTSIDE if tag == OUTSIDE else f"{'B' if begins else 'I'}-{kind}")
        ended = tag == OUTSIDE or state in ENDS
    return found


def repair_spans(rows: list[list[str]], places: Sequence[Place], refuse: bool) -> list[str]:
    """Make the tags of all rows valid, in place, by the rule of `spans_of`; other tags than those of spans may be any.

    places: where each row stands, for messages; refuse: don't repair, but raise a UserError if a row is not valid.
    Returns what the user should know of it: nothing, or a line.
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
