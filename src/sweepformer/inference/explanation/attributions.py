"""The numbers that are explained, and what each token adds to them.

By integrated gradients (Sundararajan, Taly and Yan 2017, ICML). Their mean over several baselines (Erion et al. 2021,
"Improving performance of deep learning models with axiomatic attribution priors and expected gradients") says what a
text differs from. Of models whose logits are a sum over tokens it comes to the tokens' terms.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from sweepformer.errors import UserError, hint, listed
from sweepformer.tasks.answers import Answers, NumberAnswers, SetAnswers

STEPS = (4, 8, 16, 32, 64, 128)  # of the integral: more and more, until it is close enough
CLOSE_ENOUGH = 0.02  # of what it should come to
CANCELLED = 10  # where tokens cancel out the difference says little: a tenth of their sizes is the least that counts

Measure = Callable[[Tensor], Tensor]  # (..., outputs) float64 logits to (...,) float64: the number that is explained


class Path(Protocol):
    """A text between its baselines (share 0) and as it is (share 1). compared_with: what these are, in words."""

    compared_with: str

    def logits(self, shares: Tensor) -> Tensor:
        """What the model answers on the way: (steps,) float64 to (steps, baselines, outputs) float64."""

    def credits(self, shares: Tensor, directions: Tensor) -> np.ndarray:
        """How far each token moves the logits in the given directions, from a baseline's vector to its own.

        shares: (steps,) float64; directions: (steps, baselines, outputs) float64, of the logits there. Returns
        (tokens,) float64, summed over steps and baselines: gradients with regard to a token's vector, times what that
        differs by.
        """


@dataclass(frozen=True)
class Attribution:
    """What tokens add. values: (tokens,) float64; before, after: the measure at the baselines (their mean), and of the
    text as it is; steps: of the integral.
    """

    values: np.ndarray
    before: float
    after: float
    steps: int

    @property
    def missing(self) -> float:
        """How far the values' sum is from `after - before`, which it should be, as a share of that: 0 is exact."""
        difference = self.after - self.before
        size = max(abs(difference), float(np.abs(self.values).sum()) / CANCELLED)
        return abs(float(self.values.sum()) - difference) / size if size else 0.0


def attribute(path: Path, measure: Measure) -> Attribution:
    """What each token adds to the measure on straight paths from the baselines to the text.

    The integral is taken by Gauss and Legendre's rule; its points are doubled until the values sum up to the
    difference, within `CLOSE_ENOUGH` of it, or to the most of `STEPS`.
    """
    before, after = measure(path.logits(torch.tensor([0.0, 1.0], dtype=torch.float64))).mean(1).tolist()
    for steps in STEPS:
        shares, weights = _points(steps)
        logits = path.logits(shares).requires_grad_()
        (directions,) = torch.autograd.grad((measure(logits).mean(1) * weights).sum(), logits)
        attribution = Attribution(path.credits(shares, directions), before, after, steps)
        if attribution.missing <= CLOSE_ENOUGH:
            break
    return attribution


@cache
def _points(steps: int) -> tuple[Tensor, Tensor]:
    """Where on the path from 0 to 1, and how much each point counts: (steps,) float64 each."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    return torch.from_numpy((points + 1) / 2), torch.from_numpy(weights / 2)


def log_odds(place: int, temperature: float) -> Measure:
    """Of one class against all others, where a row has one class: log(p / (1 - p)).

    Unlike a logit it says all that decides the probability, and stays the same if one number is added to all logits.
    """

    def measure(logits: Tensor) -> Tensor:
        scaled = logits / temperature
        others = torch.cat([scaled[..., :place], scaled[..., place + 1 :]], dim=-1)
        return scaled[..., place] - others.logsumexp(-1)

    return measure


def logit(place: int) -> Measure:
    """Of a label that rows have or don't, whatever others they have: its log odds."""
    return lambda logits: logits[..., place]


def number(mean: float, scale: float) -> Measure:
    """In the unit of the training rows."""
    return lambda logits: logits[..., 0] * scale + mean


def check_label(answers: Answers, classes: Sequence[str], label: str | None) -> None:
    """Raises a UserError unless this label can be explained; None: whatever is predicted."""
    if isinstance(answers, NumberAnswers):
        if label is not None:
            raise UserError(f"label={label!r}: this run answers with a number, and has no labels: leave it out.")
        return
    if label is not None and label not in classes:
        raise UserError(f"label={label!r} is no class of this run.{hint(label, classes)} It has: {listed(classes)}.")
    if len(classes) < 2 and not isinstance(answers, SetAnswers):
        raise UserError(f"This run knows {listed(classes)} alone: no text changes its answer.")


def measures(answers: Answers, classes: Sequence[str], logits: Tensor, label: str | None) -> dict[str, Measure]:
    """What is explained of an answer, by label; "" of a number.

    logits: (outputs,) float; label: None: what is predicted, of no label at all the most likely one.
    """
    match answers:
        case NumberAnswers():
            return {"": number(answers.mean, answers.scale)}
        case SetAnswers():
            labels = [label] if label is not None else prediction(answers, classes, logits)[0]
            return {name: logit(classes.index(name)) for name in labels or [classes[int(logits.argmax())]]}
        case _:
            name = classes[int(logits.argmax())] if label is None else label
            return {name: log_odds(classes.index(name), float(answers.temperature))}


def prediction(answers: Answers, classes: Sequence[str], logits: Tensor) -> tuple[Any, dict[str, float]]:
    """What is predicted, as `Predictor.predict` has it, and its probabilities by label; numbers have none.

    logits: (outputs,) float, of a row or a word.
    """
    match answers:
        case NumberAnswers():
            return float(answers.of(logits[None])["predictions"][0]), {}
        case SetAnswers():
            given = answers.given(logits).tolist()
            shares = logits.sigmoid().tolist()
            named = {name: share for name, share, has in zip(classes, shares, given, strict=True) if has}
            return list(named), named
        case _:
            best = int(logits.argmax())
            share = float((logits / float(answers.temperature)).softmax(-1)[best])
            return classes[best], {classes[best]: share}
