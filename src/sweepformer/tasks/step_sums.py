"""What training steps came to, summed over an epoch however many steps it has."""

from typing import Any

import torch
from torch import Tensor

MOST_WAITING = 1000  # sums of single batches that are kept on the device


class StepSums:
    """Sums over an epoch's batches, and over those since they were last asked for.

    A batch's own sums stay on the device until somebody wants to see them, as reading waits for the device; but not
    more than MOST_WAITING of them, or a long epoch would fill the memory. To `restart` is to begin an epoch.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self._waiting: list[Tensor] = []
        self._epoch = self._recent = [0.0, 0.0, 0.0]
        self.batches = 0

    def add(self, sums: Tensor) -> None:
        """What one batch came to, (3,) float: loss, right answers and answers."""
        self._waiting.append(sums)
        self.batches += 1
        if len(self._waiting) == MOST_WAITING:
            self._count()

    @property
    def of_epoch(self) -> tuple[float, ...]:
        """Loss, right answers and answers of the epoch so far."""
        self._count()
        return (*self._epoch,)

    @property
    def recent(self) -> tuple[float, ...]:
        """The same of the batches since `since_asked` was last called, in this epoch."""
        self._count()
        return (*self._recent,)

    def since_asked(self) -> tuple[float, ...]:
        """`recent`, which begins anew."""
        recent, self._recent = self.recent, [0.0, 0.0, 0.0]
        return recent

    def _count(self) -> None:
        if self._waiting:
            found = torch.stack(self._waiting).cpu().double()  # an epoch's sum outgrows what single precision counts
            # What batches whose loss is NaN or infinite are to teach is skipped.
            waiting = torch.where(found[:, :1].isfinite(), found, 0).sum(0).tolist()
            self._epoch = [sum(pair) for pair in zip(self._epoch, waiting, strict=True)]
            self._recent = [sum(pair) for pair in zip(self._recent, waiting, strict=True)]
            self._waiting = []

    def state(self) -> dict[str, Any]:
        """For a checkpoint; nothing is summed up, so that a run that goes on sums in the same order."""
        waiting = [sums.cpu() for sums in self._waiting]
        return {"waiting": waiting, "epoch": self._epoch, "recent": self._recent, "batches": self.batches}

    def load(self, state: dict[str, Any]) -> None:
        self._waiting = list(state["waiting"])
        self._epoch, self._recent, self.batches = state["epoch"], state["recent"], state["batches"]

    def to(self, device: torch.device) -> None:
        """Where further sums will be."""
        self._waiting = [sums.to(device) for sums in self._waiting]
