"""Sudden rises of the training loss."""

import math
from typing import Any

import numpy as np

TOGETHER = 50  # steps whose losses are one: that of a single small batch may be anything
WINDOW = 20  # such means, so that 1000 steps are compared with
DEVIATIONS = 7.0
RATIO = 1.25  # a loss that hardly moves has deviations that mean nothing


class LossSpikes:
    """Counts sudden rises among logged losses.

    A spike is at least seven standard deviations above the mean of the last 1000 steps (Team OLMo 2025, "2 OLMo 2
    Furious", spike score). Here means over 50 steps are compared, by their logarithms, as losses near zero are skewed,
    and a spike is a quarter above the others at least. In the first 1000 steps there are none: a loss that falls
    steeply is no measure.
    """

    def __init__(self) -> None:
        self.count = 0
        self._together = 1  # logged losses
        self._latest: list[float] = []
        self._means: list[float] = []  # their logarithms

    def log_every(self, steps: int) -> None:
        """Say how many steps' mean a logged loss is."""
        self._together = max(TOGETHER // steps, 1)

    def note(self, loss: float) -> tuple[float, float] | None:
        """Take up a logged loss; at a spike, returns the mean loss before and now."""
        if not 0 < loss < math.inf:
            return None
        self._latest.append(loss)
        if len(self._latest) < self._together:
            return None
        now, self._latest = math.log(np.mean(self._latest)), []
        before = self._means
        self._means = [*before, now][-WINDOW:]
        if len(before) < WINDOW:
            return None
        mean, deviation = float(np.mean(before)), float(np.std(before, ddof=1))
        if now - mean < max(DEVIATIONS * deviation, math.log(RATIO)):
            return None
        self.count += 1
        return math.exp(mean), math.exp(now)

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "latest": [*self._latest], "means": self._means}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count, self._latest, self._means = state["count"], [*state["latest"]], state["means"]
