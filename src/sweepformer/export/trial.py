"""A bundle tried out before anybody else does: its own program answers as the run does."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sweepformer.config.kinds import Kind
from sweepformer.data.store import TokenizedRows
from sweepformer.data.texts import join_pair, join_words
from sweepformer.errors import UserError
from sweepformer.export.label_kinds import LABELS
from sweepformer.inference.artifact import Artifact
from sweepformer.inference.bundle_predict import Labeller
from sweepformer.inference.loading import answers_of
from sweepformer.inference.readers import NetworkReader
from sweepformer.runs.directory import RunDirectory
from sweepformer.tasks.answers import PROBABILITY, in_order

log = logging.getLogger(__name__)

LIMIT = 1e-4  # the most that a probability may differ by; of numbers, in standard deviations
CPU = torch.device("cpu")
MADE_UP = 64  # rows, where the test split can't be read again

Said = Sequence[Any]  # of each row: the probabilities, (classes,) or of its words (words, tags), or the number


@dataclass(frozen=True)
class Trial:
    """How a bundle's answers compare with those of its run.

    rows: how many were answered; made_up: why these are not the test split, empty if they are; difference: the largest
    one between probabilities (between numbers, in standard deviations) of the bundle and of the run's model in 32 bit;
    recorded: between those of the bundle and of `predictions.parquet`, None where it can't be told; precision: that in
    which the run was tested; rounded: the largest difference once weights are rounded to 8 bits, None where they
    aren't; scores: what measures the answers to the test split, with the value before that and the one after, None
    where it can't be told.
    """

    rows: int
    made_up: str
    difference: float
    recorded: float | None
    precision: str
    rounded: float | None = None
    scores: tuple[str, float, float] | None = None

    @property
    def lines(self) -> list[str]:
        """In words."""
        where = f"{self.rows:,} made-up rows ({self.made_up})" if self.made_up else f"all {self.rows:,} test rows"
        said = [f"{where}: answers differ from the run's by {self.difference:.1e} at most"]
        if self.recorded is not None:
            of = "" if self.exact else f", which were computed in {self.precision}"
            said.append(f"from those in its predictions.parquet{of}, by {self.recorded:.1e} at most")
        if self.rounded is not None:
            said.append(f"with 8-bit weights: by {self.rounded:.1e} at most")
        if self.scores:
            measure, before, after = self.scores
            said.append(f"with 8-bit weights: {measure} {after:.4f}, {after - before:+.4f} (32 bit: {before:.4f})")
        return said

    @property
    def exact(self) -> bool:
        """Whether the run was tested in a precision whose probabilities have the digits of 32 bit."""
        return self.precision.startswith(("32", "64"))


class Examiner:
    """Knows what the run says of its test split, or of made-up rows where that can't be read again."""

    def __init__(
        self, artifact: Artifact, kind: Kind, reader: NetworkReader, run: RunDirectory | None, allowed: Sequence[str]
    ) -> None:
        self._artifact, self._run, self._labels = artifact, run, LABELS[kind.labelled]
        self._scale = float(artifact.task.get("scale", 1.0))
        self._rows: TokenizedRows | None = None
        self._missing = "the checkpoint stands outside of its run"
        if run is not None:
            try:
                self._rows, self._missing = _read_again(artifact.config, kind, run, allowed), ""
            except (UserError, OSError) as error:
                self._missing = f"the run's data can't be read again: {str(error).splitlines()[0].rstrip('.')}"
        self._texts = _made_up(reader) if self._rows is None else self._rows.texts
        answers = answers_of(artifact, kind, CPU)
        parts = [{"rows": read.rows, **answers.of(read.logits, read.words)} for read in reader.read(self._texts)]
        _, kept = in_order(parts)
        self._by_run: Said = kept["probabilities"] if "probabilities" in kept else kept["predictions"]

    def examine(self, folder: Path) -> Trial:
        """Compare.

        Raises:
            UserError: the bundle's answers are not the run's.
        """
        said = self._said_by(folder)
        difference, recorded = self._difference(said, self._by_run), self._difference_to_recorded(said)
        precision = (self._run.read_environment() if self._run else {}).get("effective_precision")
        trial = Trial(len(self._texts), self._missing, difference, recorded, str(precision or "unknown"))
        worst = max(difference, recorded or 0.0) if trial.exact else difference
        if not worst <= LIMIT:
            raise UserError(
                f"The exported model's answers differ from the run's by {worst:.1e}, more than {LIMIT:.0e}: nothing is "
                "left of it. Another --format may do."
            )
        return trial

    def examine_rounded(self, folder: Path, trial: Trial) -> Trial:
        """Compare again, now that weights are rounded, and say how good the answers are. trial: the first one's."""
        said = self._said_by(folder)
        trial = replace(trial, rounded=self._difference(said, self._by_run))
        if self._rows is None:
            return trial
        thresholds = self._artifact.task.get("thresholds")
        measure, before = self._labels.score(self._by_run, self._rows, thresholds)
        _, after = self._labels.score(said, self._rows, thresholds)
        return replace(trial, scores=(measure, before, after))

    def _said_by(self, folder: Path) -> Said:
        """By the folder's own code, from its files."""
        labeller = Labeller(folder)
        rows = [self._labels.row(text, labeller.reads["pairs"]) for text in self._texts]
        return getattr(labeller, self._labels.ask)(rows)

    def _difference(self, one: Said, other: Said) -> float:
        """The largest one between two probabilities, or two numbers in standard deviations; infinite where one of them
        has no answer.
        """
        largest = 0.0
        for pair in zip(one, other, strict=True):
            first, second = (np.atleast_1d(np.asarray(value, dtype=np.float64)) for value in pair)
            if first.shape != second.shape or (np.isnan(first) != np.isnan(second)).any():
                return np.inf
            largest = max(largest, float(np.nan_to_num(np.abs(first - second)).max(initial=0.0)))
        return largest / self._scale

    def _difference_to_recorded(self, said: Said) -> float | None:
        summary = self._run.read_summary() if self._run else None
        if self._rows is None or self._run is None or summary is None:
            return None
        tested = self._run.path / summary.best_checkpoint if summary.best_checkpoint else self._run.last_checkpoint
        if tested.resolve() != self._artifact.origin.resolve():
            return None  # the predictions are those of another checkpoint
        columns = [f"{PROBABILITY}{name}" for name in self._artifact.classes]
        try:
            places, values = _recorded(self._run.predictions, columns or ["prediction"], self._rows.ids)
        except UserError as error:
            log.info("not compared with what the run recorded: %s", error)
            return None
        return self._difference([said[place] for place in places], values)


def _read_again(config: dict[str, Any], kind: Kind, run: RunDirectory, allowed: Sequence[str]) -> TokenizedRows:
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
    return prepare(config["data"], tokenizer, config["seed"], kind.labelled, stratify_by).splits["test"]


def _recorded(path: Path, columns: Sequence[str], ids: Sequence[str]) -> tuple[list[int], Said]:
    """What `predictions.parquet` says in some columns: the rows' places among `ids`, and (columns,) of each.

    Raises:
        UserError: it is gone, or of other rows.
    """
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path, columns=["id", *columns])
    except Exception as error:  # whatever pyarrow makes of it, or of columns that aren't there: tags have none
        raise UserError(f"{path.name} can't be read ({str(error).splitlines()[0]})") from error
    place = {one: number for number, one in enumerate(ids)}
    found = [place[one] for one in table["id"].to_pylist() if one in place]
    if len(found) < len(table) or len(place) < len(ids):
        raise UserError(f"the rows in {path.name} are not those of the data as it is now")
    return found, list(np.stack([table[name].to_numpy() for name in columns], axis=1))


def _made_up(reader: NetworkReader) -> list[str]:
    """Rows of words of the vocabulary as a store has them, from one word to more than the model reads."""
    random = np.random.default_rng(0)
    words = sorted(word for word in reader.tokenizer.get_vocab() if word.isalnum()) or ["a"]
    texts = []
    for number in range(MADE_UP):
        length = 1 + number * (reader.truncation.max_length + 8) // MADE_UP
        chosen = [words[one] for one in random.integers(len(words), size=length)]
        text = join_words(chosen) if reader.tagged else " ".join(chosen)
        texts.append(join_pair(text, chosen[0]) if reader.pairs else text)
    return texts
