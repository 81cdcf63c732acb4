"""Colours that those who don't see red and green can tell apart (Okabe and Ito 2008), pale where little is added."""

FOR, AGAINST = (86, 180, 233), (230, 159, 0)  # sky blue, orange: black letters can be read on both
FAINTEST = 0.03  # of the largest value: less has no colour

Colour = tuple[int, int, int]


def tint(value: float, largest: float, pale: Colour) -> str | None:
    """The background of a word as #rrggbb; None: it has none. pale: the colour next to nothing."""
    if not largest > 0 or abs(value) < FAINTEST * largest:
        return None
    full, share = FOR if value > 0 else AGAINST, min(abs(value) / largest, 1.0)
    return "#" + "".join(f"{round(low + share * (high - low)):02x}" for low, high in zip(pale, full, strict=True))
