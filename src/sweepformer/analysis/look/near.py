"""Texts of two splits that are nearly the same, by MinHash."""

from typing import Any, NamedTuple

THRESHOLD = 0.7  # of the character 5-grams of two texts, the share that both have
CHARACTERS, GRAM = 1000, 5  # of a text that is read
HASHES, BANDS = 128, 32  # 32 bands of 4: a pair at the threshold is missed once in 6,000 times
MOST_HELD_OUT, MOST_TRAIN, MOST_CANDIDATES = 50_000, 200_000, 50  # rows that are compared


class Pair(NamedTuple):
    """A row of train and one of another split, and the share of 5-grams that both have."""

    train: str
    other: str
    split: str
    similarity: float


class NearDuplicates:
    """Rows of validation and test, by split, that are nearly like a row of train.

    found: by split, the places of those that are, counted from 0; pairs: some; limited: whether rows were passed over.
    """

    def __init__(self) -> None:
        from rensa import RMinHashLSH

        self._index = RMinHashLSH(threshold=THRESHOLD, num_perm=HASHES, num_bands=BANDS)
        self._held_out: list[tuple[str, int, str, int, Any]] = []
        self.found: dict[str, set[int]] = {}
        self.pairs: list[Pair] = []
        self.limited, self._asked = False, 0

    def add(self, split: str, place: int, text: str, digest: int) -> None:
        """A row that is held out. digest: the same for the same text."""
        if len(self._held_out) == MOST_HELD_OUT:
            self.limited = True
            return
        sketch = _sketch(text)
        self._index.insert(len(self._held_out), sketch)
        self._held_out.append((split, place, text[:CHARACTERS], digest, sketch))

    def compare(self, text: str, digest: int) -> None:
        """A row of train."""
        if self._asked == MOST_TRAIN:
            self.limited = True
            return
        self._asked += 1
        sketch = _sketch(text)
        for number in self._index.query(sketch)[:MOST_CANDIDATES]:
            split, place, other, its, its_sketch = self._held_out[number]
            found = self.found.setdefault(split, set())
            if its == digest or place in found:
                continue
            similarity = sketch.jaccard(its_sketch)
            if similarity >= THRESHOLD:
                found.add(place)
                if len(self.pairs) < 3:
                    self.pairs.append(Pair(text, other, split, similarity))


def _sketch(text: str) -> Any:
    from rensa import RMinHash

    plain = " ".join(text[:CHARACTERS].lower().split())
    sketch = RMinHash(num_perm=HASHES, seed=1)
    sketch.update([plain[start : start + GRAM] for start in range(max(len(plain) - GRAM + 1, 1))])
    return sketch
