"""From what a model says of a batch to answers in the user's terms, for the test of a run and for new texts alike.

`ANSWERS` has the class of each kind of label; where there is no label there is no answer.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from sweepformer.config.kinds import LabelKind
from sweepformer.data.batches import Batch, Words
from sweepformer.data.encoding import NO_TAG

PROBABILITY = "probability_"  # what the names of columns begin with, before the class's
Kept = dict[str, Any]  # by name a tensor, an array or a list, with an item for each row


class Answers(ABC):
    """What the logits of one kind of task stand for: what is kept of each batch, and the columns of all that was.

    temperature: scalar, what logits are divided by for probabilities; scale: the standard deviation of the training
    rows' numbers; 1 where there is none. prediction: what stands in the column of the name, "string", "strings" or a
    dtype; of_classes: whether there are columns of probabilities.
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

    def predicted(self, kept: Kept) -> Any:
        """What was predicted for each row, as `named` takes it."""
        return kept["predictions"]

    @abstractmethod
    def named(self, labels: Any, classes: Sequence[str]) -> Any:
        """Labels as a batch of the test split has them, or predictions, as a column has them: an item a row."""

    def columns(self, kept: Kept, classes: Sequence[str]) -> dict[str, Any]:
        """`prediction` and, `of_classes`, `probability_<class>` (float32) of every class: arrays or lists by column."""
        columns = {"prediction": self.named(self.predicted(kept), classes)}
        for number, name in enumerate(classes if self.of_classes else ()):
            columns[f"{PROBABILITY}{name}"] = kept["probabilities"][:, number]
        return columns

    def types(self, classes: Sequence[str]) -> dict[str, str]:
        """What stands in each of these columns."""
        names = classes if self.of_classes else ()
        return {"prediction": self.prediction, **{f"{PROBABILITY}{name}": "float32" for name in names}}

    def probabilities(self, kept: Kept, classes: Sequence[str]) -> Any:
        """Of each row, (rows, classes) float32. kept: of all rows; empty where there are none."""
        return kept.get("probabilities", np.zeros((0, len(classes)), dtype=np.float32))


class ClassAnswers(Answers):
    """One class a row."""

    prediction, of_classes = "string", True

    def __init__(self, temperature: Tensor) -> None:
        self.temperature = temperature

    @classmethod
    def learned(cls, state: dict[str, Any], device: torch.device) -> Self:
        return cls(torch.as_tensor(state.get("temperature", 1.0), device=device))  # earlier versions fitted none

    def of(self, logits: Tensor, rows: Tensor | None = None) -> Kept:
        return {"probabilities": (logits / self.temperature).softmax(1)}

    def predicted(self, kept: Kept) -> np.ndarray:
        """(rows,) int64, class numbers."""
        return kept["probabilities"].argmax(1)

    def named(self, labels: np.ndarray, classes: Sequence[str]) -> list[str]:
        return [classes[number] for number in labels]


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

    def predicted(self, kept: Kept) -> np.ndarray:
        """(rows, classes) bool."""
        return kept["given"]

    def named(self, labels: np.ndarray, classes: Sequence[str]) -> list[list[str]]:
        names = np.array(classes, dtype=object)
        return [names[row].tolist() for row in labels]


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

    def named(self, labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
        """(rows,) float64, in the unit of the training rows."""
        return labels


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

    def named(self, labels: Sequence[np.ndarray], classes: Sequence[str]) -> list[list[str | None]]:
        """A list of strings a row, null for a word that was cut off."""
        names = [*classes, None]  # the last for NO_TAG
        return [[names[tag] for tag in row] for row in labels]

    def probabilities(self, kept: Kept, classes: Sequence[str]) -> Any:
        """Of each row's words, (words, tags) float32."""
        return kept.get("probabilities", [])


ANSWERS: dict[LabelKind, type[Answers]] = {
    LabelKind.CLASS: ClassAnswers,
    LabelKind.CLASSES: SetAnswers,
    LabelKind.NUMBER: NumberAnswers,
    LabelKind.TAGS: TagAnswers,
}


def row_logits(of_sequences: Tensor, batch: Batch) -> Tensor:
    """(sequences, outputs) float to (batch, outputs): of a row that is read in several windows their mean."""
    if batch.windows is None:
        return of_sequences
    # A product, as adding up by index has another order each time on a GPU.
    rows = torch.arange(len(batch.rows), device=batch.windows.device)
    belongs = (rows[:, None] == batch.windows).to(of_sequences.dtype)
    return belongs @ of_sequences / belongs.sum(1, keepdim=True)


def word_logits(of_tokens: Tensor, words: Words) -> Tensor:
    """(batch, length, tags) float, or (tokens, tags) if packed, to (words, tags): those of each word's first token.

    -inf where that was cut off with the end of a long row: there is no answer.
    """
    cut = (words.tokens < 0)[:, None]
    return of_tokens.flatten(0, -2)[words.tokens.clamp(min=0)].masked_fill(cut, -torch.inf)


def predicted_tags(logits: Tensor) -> Tensor:
    """(words, tags) float to (words,) int64, NO_TAG where there is no answer."""
    return torch.where(logits.isneginf().all(1), NO_TAG, logits.argmax(1))


def by_row(of_words: Tensor, rows: Tensor) -> list[np.ndarray]:
    """(words, ...) as an array a row; rows: (words,) int64, ascending, each row with a word at least."""
    ends = torch.bincount(rows).cumsum(0)[:-1].tolist()
    return np.split(of_words.cpu().numpy(), ends)


def in_order(parts: Sequence[Kept]) -> tuple[np.ndarray, Kept]:
    """What was kept of all batches as one, in the order of the numbers that stand in each under `rows`.

    Returns:
        (rows,) int64, those numbers, ascending; and all the rest: arrays, or lists of what is no tensor.
    """
    joined: Kept = {}
    for name, first in parts[0].items():
        of_each = [part[name] for part in parts]
        joined[name] = torch.cat(of_each).numpy() if isinstance(first, Tensor) else list(chain.from_iterable(of_each))
    rows = joined.pop("rows")
    order = np.argsort(rows)
    ordered = {
        name: values[order] if isinstance(values, np.ndarray) else [values[place] for place in order]
        for name, values in joined.items()
    }
    return rows[order], ordered
