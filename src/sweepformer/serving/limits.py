"""How much a request may ask, and what is said to one that asks too much or the wrong thing."""

from dataclasses import dataclass, fields

from sweepformer.errors import UserError

FAILED = "The server failed at this request; what happened is in its log."


@dataclass(frozen=True)
class Limits:
    """What is accepted; a text longer than the model reads is, and cut.

    body: bytes of a request's body. texts: in a request. characters: of a text. queue: texts that may wait for an
    answer, of all requests together.

    Raises:
        UserError: one is not positive, or a request of so many texts could never wait.
    """

    body: int = 1 << 20
    texts: int = 500
    characters: int = 50_000
    queue: int = 2_000

    def __post_init__(self) -> None:
        for one in fields(self):
            if getattr(self, one.name) < 1:
                raise UserError(f"--max-{one.name} {getattr(self, one.name)} must be at least 1.")
        if self.queue < self.texts:
            raise UserError(
                f"--max-queue {self.queue} is less than --max-texts {self.texts}: a request of so many texts "
                "could never wait for an answer."
            )


class Refused(Exception):
    """A request that is not answered.

    status: of HTTP, 4xx or 5xx; message: all that its sender sees.
    """

    def __init__(self, status: int = 500, message: str = FAILED) -> None:
        super().__init__(" ".join(message.split()))  # one line
        self.status = status
