"""Rows on which a bundle is tried out, and how far its answers are from those of the run that it was made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sweepformer.data.store import TokenizedRows
from sweepformer.data.texts import join_pair, join_words, split_pair, split_words
from sweepformer.errors import UserError
from sweepformer.export.bundle_predict import Labeller
from sweepformer.inference.readers import NetworkReader, Reader
from sweepformer.runs.directory import RunDirectory
from sweepformer.tasks.answers import Answers, in_order

MADE_UP = 64  # rows


def read_again(config: dict[str, Any], labelled: str, run: RunDirectory, allowed: Sequence[str]) -> TokenizedRows:
    """The test split, from the cache or from the data that the run was trained on.

    Raises:
        UserError: it is gone, or reading it would run code that nobody allowed.
    """
    from sweepformer.data.corpus import prepare  # builds sources by Hydra, which a run in use needs no more

    for key, one in (("data", config["data"]), ("data.transform", config["data"].get("transform"))):
        name = str((one or {}).get("_target_", ""))
        if name and not name.startswith(("sweepformer.", *(f"{package}." for package in allowed))):
            raise UserError(f"{key}={name} is no code of sweepformer's: if you trust it, --allow it")
    tokenizer = config["tokenizer"]
    if config.get("pretrain") or config["model"].get("init_from"):  # another run's, which this one has taken over
        tokenizer = {**tokenizer, "kind": "pretrained", "path": str(run.path / "tokenizer.json")}
    return prepare(config["data"], tokenizer, config["seed"], labelled, config["task"].get("cut_by")).splits["test"]


def recorded(path: Path, labelled: str, classes: list[str], ids: Sequence[str]) -> tuple[np.ndarray, list[Any]]:
    """What `predictions.parquet` says: (rows,) int64, places among `ids`, and of each its probabilities, (classes,)
    float32, or its number.

    Raises:
        UserError: it is gone, of other rows, or of a kind that keeps no probabilities.
    """
    import pyarrow.parquet

    if labelled == "tags":
        raise UserError("predictions.parquet keeps no probabilities of tags")
    columns = ["prediction"] if labelled == "number" else [f"probability_{name}" for name in classes]
    try:
        table = pyarrow.parquet.read_table(path, columns=["id", *columns])
    except Exception as error:  # whatever pyarrow makes of it
        raise UserError(f"{path.name} can't be read ({str(error).splitlines()[0]})") from error
    place = {one: number for number, one in enumerate(ids)}
    found = [place.get(one) for one in table["id"].to_pylist()]
    if None in found or len(place) < len(ids):
        raise UserError(f"the rows in {path.name} are not those of the data as it is now")
    return np.array(found, dtype=np.int64), list(np.stack([table[name].to_numpy() for name in columns], axis=1))


def made_up(reader: NetworkReader) -> list[str]:
    """Rows of words of the vocabulary as a store has them, from one word to more than the model reads."""
    random = np.random.default_rng(0)
    words = sorted(word for word in reader.tokenizer.get_vocab() if word.isalnum()) or ["a"]
    texts = []
    for number in range(MADE_UP):
        length = 1 + number * (reader.long_rows.max_length + 8) // MADE_UP
        chosen = [words[one] for one in random.integers(len(words), size=length)]
        if reader.tagged:
            texts.append(join_words(chosen))
        else:
            texts.append(join_pair(" ".join(chosen), chosen[0]) if reader.pairs else " ".join(chosen))
    return texts


LIMIT = 1e-4  # the most that a probability may differ by; of numbers, in standard deviations


@dataclass(frozen=True)
class Said:
    """What was said of some rows: of each the probabilities, (classes,) or of its words (words, tags), or the number.

    scale: of numbers, the training rows' standard deviation.
    """

    labelled: str
    values: Sequence[Any]
    scale: float = 1.0

    def difference(self, other: "Said") -> float:
        """The largest one between two probabilities, or two numbers in standard deviations; infinite where one of them
        has no answer.
        """
        largest = 0.0
        for one, two in zip(self.values, other.values, strict=True):
            one, two = (np.atleast_1d(np.asarray(value, dtype=np.float64)) for value in (one, two))
            if one.shape != two.shape or (np.isnan(one) != np.isnan(two)).any():
                return np.inf
            largest = max(largest, float(np.nan_to_num(np.abs(one - two)).max(initial=0.0)))
        return largest / self.scale

    def score(self, rows: TokenizedRows, thresholds: Any = None) -> tuple[str, float]:
        """How good it is, and what that measures. rows: the same ones, with their labels."""
        if self.labelled == "number":
            return "mean absolute error", float(np.abs(np.ravel(self.values) - rows.labels).mean())
        if self.labelled == "tags":
            words = np.nan_to_num(np.concatenate(self.values), nan=-1.0)
            answered = words.max(1) >= 0
            return "accuracy of words", float(((words.argmax(1) == rows.answers[:, 0]) & answered).mean())
        table = np.stack(self.values)
        if self.labelled == "classes":
            return "rows with just their labels", float(
                ((table >= np.asarray(thresholds)) == rows.labels).all(1).mean()
            )
        return "accuracy", float((table.argmax(1) == rows.labels).mean())


def said_by_run(labelled: str, scale: float, reader: Reader, answers: Answers, texts: Sequence[str]) -> Said:
    """Of texts as a store has them, by the run's own model."""
    parts = []
    for read in reader.read(texts):
        kept = answers.of(read.logits, read.words)
        parts.append({"rows": read.rows, **kept})
    kept = in_order(parts)[1]
    return Said(labelled, kept["probabilities"] if "probabilities" in kept else kept["predictions"], scale)


def said_by_bundle(labelled: str, scale: float, labeller: Labeller, texts: Sequence[str]) -> Said:
    """The same by the folder's own code, from its files."""
    rows = [_row(text, labelled, labeller.reads["pairs"]) for text in texts]
    return Said(labelled, labeller.predict(rows) if labelled == "number" else labeller.predict_proba(rows), scale)


def _row(text: str, labelled: str, pairs: bool) -> Any:
    if labelled == "tags":
        return split_words(text)
    return split_pair(text) if pairs else text
