"""What is wrong with the rows of a file, told all at once: one message a kind of mistake."""

from sweepformer.errors import UserError

SHOWN = 5  # places beside the first


class Complaints:
    """Mistakes of one file, by kind."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._places: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}

    def add(self, kind: str, place: str, message: str) -> None:
        """One row's. message: what is said if it is the only one; place: what is said of it otherwise."""
        self._first.setdefault(kind, message)
        places = self._places.setdefault(kind, [])
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if len(places) <= SHOWN:
            places.append(place)

    def tell(self) -> None:
        """Raises a UserError if there are any."""
        if told := self.lines():
            raise UserError("\n".join(told))

    def lines(self) -> list[str]:
        """What is said, a line a kind."""
        return [self._told(kind) for kind in self._first]

    def _told(self, kind: str) -> str:
        others, count = self._places[kind][1:], self._counts[kind] - 1
        if not count:
            return self._first[kind]
        more = f", and {count - len(others)} more" if count > len(others) else ""
        return f"{self._first[kind]} The same in {count:,} more: {', '.join(others)}{more}."
