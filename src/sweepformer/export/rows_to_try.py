"""Texts on which a bundle is tried out: the test split of its run, or made-up ones where that can't be read again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sweepformer.config.kinds import LabelKind
from sweepformer.data.store import TokenizedRows
from sweepformer.data.texts import join_pair, join_words
from sweepformer.errors import UserError
from sweepformer.export.label_kinds import LABELS
from sweepformer.inference.readers import NetworkReader
from sweepformer.runs.directory import RunDirectory

MADE_UP = 64  # rows


def read_again(config: dict[str, Any], labelled: LabelKind, run: RunDirectory, allowed: Sequence[str]) -> TokenizedRows:
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
    stratify_by = config["task"].get("stratify_by")
    return prepare(config["data"], tokenizer, config["seed"], labelled, stratify_by).splits["test"]


def recorded(path: Path, labelled: LabelKind, classes: list[str], ids: Sequence[str]) -> tuple[np.ndarray, list[Any]]:
    """What `predictions.parquet` says: (rows,) int64, places among `ids`, and of each its probabilities, (classes,)
    float32, or its number.

    Raises:
        UserError: it is gone, of other rows, or of a kind that keeps no probabilities.
    """
    import pyarrow.parquet

    columns = LABELS[labelled].recorded(classes)
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
        length = 1 + number * (reader.truncation.max_length + 8) // MADE_UP
        chosen = [words[one] for one in random.integers(len(words), size=length)]
        if reader.tagged:
            texts.append(join_words(chosen))
        else:
            texts.append(join_pair(" ".join(chosen), chosen[0]) if reader.pairs else " ".join(chosen))
    return texts
