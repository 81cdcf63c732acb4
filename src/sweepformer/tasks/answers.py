"""What logits stand for: answers in the user's terms, for the test of a run and for new texts alike.

`ANSWERS` has the class of each kind of label; where there is no label there is no answer.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from sweepformer.config.kinds import LabelKind
from sweepformer.data.encoding import NO_TAG

PROBABILITY = "probability_"  # what the names of columns begin with, before the class's

Kept = dict[str, Any]  # by name a tensor, an array or a list, with an item for each row


class Answers(ABC):
    """What the logits of one kind of task stand for: what is kept of each batch, and the columns of all that was.

    temperature: what logits are divided by for probabilities; scale: the standard deviation of the training rows'
    numbers; 1 where there is none. prediction: what stands in the column of the name, "string", "strings" or a dtype;
    of_classes: whether there are columns of probabilities.
    """

    prediction: ClassVar[str]
    of_classes: ClassVar[bool] = False
    temperature: Tensor | float = 1.0
    scale: float = 1.0

    @classmethod
    @abstractmethod
    def learned(cls, state: dict[str, Any], device: torch.device) -> Self:
        """Those of a finished run, with all that can be said. state: what its task learned beside the weights.

        Raises:
            KeyError: an earlier version left something out of it.
        """

    @abstractmethod
    def of(self, logits: Tensor, rows: Tensor | None = None) -> Kept:
        """What is kept of a batch.

        logits: (batch, outputs) float32, or of words (words, tags), -inf where there is no answer; rows: of words,
        (words,) int64, the place of each one's row in the batch, ascending.
        """

    @abstractmethod
    def columns(self, kept: Kept, classes: Sequence[str]) -> dict[str, Any]:
        """`prediction`, and what else there is to say of each row: arrays or lists by column."""

    def types(self, classes: Sequence[str]) -> dict[str, str]:
        """What stands in each of these columns."""
        names = classes if self.of_classes else ()
        return {"prediction": self.prediction, **{f"{PROBABILITY}{name}": "float32" for name in names}}

    def probabilities(self, kept: Kept, classes: Sequence[str]) -> Any:
        """Of each row, (rows, classes) float32. kept: of all rows; empty where there are none."""
        return kept.get("probabilities", np.zeros((0, len(classes)), dtype=np.float32))


class ClassAnswers(Answers):
    """One class a row. temperature: scalar, what logits are divided by for probabilities."""

    prediction, of_classes = "string", True

    def __init__(self, temperature: Tensor) -> None:
        self.temperature = temperature

    @classmethod
    def learned(cls, state: dict[str, Any], device: torch.device) -> Self:
        return cls(torch.as_tensor(state.get("temperature", 1.0), device=device))  # earlier versions fitted none

    def of(self, logits: Tensor, rows: Tensor | None = None) -> Kept:
        return {"probabilities": (logits / self.temperature).softmax(1)}

    def columns(self, kept: Kept, classes: Sequence[str]) -> dict[str, Any]:
        """prediction (strings) and `probability_<class>` (float32) for every class."""
        probabilities = kept["probabilities"]
        return {
            "prediction": [classes[best] for best in probabilities.argmax(1)],
            **_probability_columns(probabilities, classes),
        }


class SetAnswers(Answers):
    """Any number of classes a row. thresholds: (classes,) float, from which probability on each is given, inclusive."""

    prediction, of_classes = "strings", True

    def __init__(self, thresholds: Tensor) -> None:
        self.thresholds = thresholds

    @classmethod
    def learned(cls, state: dict[str, Any], device: torch.device) -> Self:
        return cls(state["thresholds"].to(device))

    def of(self, logits: Tensor, rows: Tensor | None = None) -> Kept:
        return {"given": self.given(logits), "probabilities": logits.sigmoid()}

    def given(self, logits: Tensor) -> Tensor:
        """(batch, classes) bool."""
        return logits.sigmoid() >= self.thresholds

    def columns(self, kept: Kept, classes: Sequence[str]) -> dict[str, Any]:
        """prediction (lists of strings) and `probability_<class>` (float32) for every class."""
        return {
            "prediction": names_of_sets(kept["given"], classes),
            **_probability_columns(kept["probabilities"], classes),
        }


class NumberAnswers(Answers):
    """One number a row. mean, scale: what standardised numbers were made with."""

    prediction = "float64"

    def __init__(self, mean: float, scale: float) -> None:
        self.mean, self.scale = mean, scale

    @classmethod
    def learned(cls, state: dict[str, Any], device: torch.device) -> Self:
        return cls(state["mean"], state["scale"])

    def of(self, logits: Tensor, rows: Tensor | None = None) -> Kept:
        return {"predictions": logits[:, 0].cpu().double() * self.scale + self.mean}

    def columns(self, kept: Kept, classes: Sequence[str]) -> dict[str, Any]:
        """prediction, float64, in the unit of the training rows."""
        return {"prediction": kept["predictions"]}


class TagAnswers(Answers):
    """One tag a word. with_probabilities: keep those of all tags too."""

    prediction = "strings"

    def __init__(self, with_probabilities: bool = False) -> None:
        self.with_probabilities = with_probabilities

    @classmethod
    def learned(cls, state: dict[str, Any], device: torch.device) -> Self:
        return cls(with_probabilities=True)

    def of(self, logits: Tensor, rows: Tensor | None = None) -> Kept:
        """The rows' tags, an array a row, NO_TAG where there is no answer; and (words, tags) float32, NaN there."""
        assert rows is not None
        kept = {"predictions": by_row(predicted_tags(logits), rows)}
        if self.with_probabilities:
            kept["probabilities"] = by_row(logits.softmax(1), rows)
        return kept

    def columns(self, kept: Kept, classes: Sequence[str]) -> dict[str, Any]:
        """prediction, a list of strings a row, null for a word that was cut off."""
        return {"prediction": names_of_tags(kept["predictions"], classes)}

    def probabilities(self, kept: Kept, classes: Sequence[str]) -> Any:
        """Of each row's words, (words, tags) float32."""
        return kept.get("probabilities", [])


ANSWERS: dict[LabelKind, type[Answers]] = {
    LabelKind.CLASS: ClassAnswers,
    LabelKind.CLASSES: SetAnswers,
    LabelKind.NUMBER: NumberAnswers,
    LabelKind.TAGS: TagAnswers,
}


def predicted_tags(logits: Tensor) -> Tensor:
    """(words, tags) float to (words,) int64, NO_TAG where there is no answer."""
    return torch.where(logits.isneginf().all(1), NO_TAG, logits.argmax(1))


def by_row(of_words: Tensor, rows: Tensor) -> list[np.ndarray]:
    """(words, ...) as an array a row; rows: (words,) int64, ascending, each row with a word at least."""
    ends = torch.bincount(rows).cumsum(0)[:-1].tolist()
    return np.split(of_words.cpu().numpy(), ends)


def names_of_sets(table: np.ndarray, classes: Sequence[str]) -> list[list[str]]:
    """(rows, classes) bool as lists of names."""
    names = np.array(classes, dtype=object)
    return [names[row].tolist() for row in table]


def names_of_tags(rows: Sequence[np.ndarray], classes: Sequence[str]) -> list[list[str | None]]:
    """Arrays of tags as lists of names; NO_TAG has none."""
    named = [*classes, None]  # the last for NO_TAG
    return [[named[tag] for tag in row] for row in rows]


def in_order(parts: Sequence[Kept]) -> tuple[np.ndarray, Kept]:
    """What was kept of all batches as one, in the order of the numbers that stand in each under `rows`.

    Returns:
        (rows,) int64, those numbers, ascending; and all the rest: arrays, or lists of what is no tensor.
    """
    joined = {name: _joined([part[name] for part in parts]) for name in parts[0]}
    rows = joined.pop("rows")
    order = np.argsort(rows)
    return rows[order], {name: _ordered(values, order) for name, values in joined.items()}


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], Tensor):
        return torch.cat(parts).numpy()
    return [item for part in parts for item in part]


def _ordered(values: Any, order: np.ndarray) -> Any:
    return values[order] if isinstance(values, np.ndarray) else [values[place] for place in order]


def _probability_columns(probabilities: np.ndarray, classes: Sequence[str]) -> dict[str, np.ndarray]:
    return {f"{PROBABILITY}{name}": probabilities[:, number] for number, name in enumerate(classes)}
