"""The numbers that are explained: log odds of classes, labels and tags; numbers as they are."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from sweepformer.errors import UserError, hint, listed
from sweepformer.inference.explanation.attributions import Measure
from sweepformer.tasks.answers import Answers, NumberAnswers, SetAnswers


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
