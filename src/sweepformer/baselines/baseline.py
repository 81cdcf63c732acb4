"""What every baseline can do."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from sweepformer.config.choices import Choice
from sweepformer.config.kinds import LabelKind
from sweepformer.files.atomic import replace_file


class Baseline(ABC):
    """Answers for raw texts. labels: what its rows may be labelled with."""

    labels: ClassVar[tuple[LabelKind | str, ...]] = (LabelKind.CLASS,)

    def suited_to(self, labelled: LabelKind) -> "Baseline":
        """The baseline that stands for this one where rows are labelled so."""
        return self

    def choices(self, texts: Sequence[str]) -> list[Choice]:
        """What the training texts decide of the arguments that were left open, by keys of the config."""
        return []

    @abstractmethod
    def fit(self, texts: Sequence[str], labels: np.ndarray, val_texts: Sequence[str], val_labels: np.ndarray) -> None:
        """Learn from the training rows; choose what there is to choose on the validation rows.

        labels: as in `TokenizedRows`, but where words are tagged (`data.texts.split_words` tells them apart) one for
            each word, (words,) int64, all rows' one after another; every class occurs in training.
        """

    @abstractmethod
    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """float32, what a model would answer: of classes (rows, classes) logarithms of probabilities; of sets of
        classes (rows, classes) log odds; of numbers (rows, 1), in standard deviations from the training rows' mean;
        of tags (words, tags) logarithms of probabilities.
        """

    @abstractmethod
    def state(self) -> dict[str, np.ndarray]:
        """All that was learned, as plain arrays."""

    @abstractmethod
    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Take over what `state` returned."""

    @property
    def parameters(self) -> int:
        """How many numbers were learned."""
        return sum(array.size for array in self.state().values() if array.dtype.kind == "f")


def with_unseen(logits: np.ndarray, classes: int) -> np.ndarray:
    """Logits, (answers, seen) float32, for all classes, (answers, classes): those without a training row, which come
    last, are less likely than any other."""
    least = logits.min(axis=1, keepdims=True, initial=0) - 1
    return np.hstack([logits, np.repeat(least, max(classes - logits.shape[1], 0), axis=1)])


class Contributions(NamedTuple):
    """What each word or letter of a text adds to logits.

    spans: where they stand, the first character of each and the one after its last; values: (spans, outputs) float64;
    base: (outputs,) float64. `base + values.sum(0)` is what `Baseline.logits` answers, of classes before these become
    logarithms of probabilities.
    """

    spans: list[tuple[int, int]]
    values: np.ndarray
    base: np.ndarray


class Additive(Baseline):
    """A baseline whose answers can be told apart by words."""

    @abstractmethod
    def contributions(self, text: str) -> Contributions:
        """Of a text as `data.texts` writes it."""


ABOUT = "sweepformer"  # the name of the text that describes the run, as checkpoints call it
OF_TASK = "task."  # what the names of the task's arrays begin with


class Saved(NamedTuple):
    """What a file of a baseline holds.

    learned: `Baseline.state`; of_task: what the task itself has chosen; about: `config`, `classes` and `pairs` of its
    run, and by which version it was made.
    """

    learned: dict[str, np.ndarray]
    of_task: dict[str, np.ndarray]
    about: dict[str, Any]


def save_baseline(path: Path, learned: dict[str, np.ndarray], of_task: dict[str, Any], about: dict[str, Any]) -> None:
    """Write `Baseline.state`, what its task chose (thresholds, or mean and scale of numbers) and what its run is."""
    arrays = learned | {f"{OF_TASK}{name}": np.asarray(value) for name, value in of_task.items()}
    arrays[ABOUT] = np.frombuffer(json.dumps(about, ensure_ascii=False).encode(), dtype=np.uint8)

    def write(temporary: str) -> None:
        with open(temporary, "wb") as file:  # given a name, numpy would change it
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    path.parent.mkdir(exist_ok=True)
    replace_file(path, write)


def read_baseline(path: Path) -> Saved:
    """What `save_baseline` wrote.

    Raises:
        Exception: whatever numpy makes of another file, or a damaged one.
    """
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    about = json.loads(arrays.pop(ABOUT).tobytes())
    of_task = {name.removeprefix(OF_TASK): arrays.pop(name) for name in list(arrays) if name.startswith(OF_TASK)}
    return Saved(arrays, of_task, about)
