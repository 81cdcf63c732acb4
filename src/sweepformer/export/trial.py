"""A bundle tried out before anybody else does: its own program answers as the run does."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sweepformer.config.kinds import Kind
from sweepformer.data.store import TokenizedRows
from sweepformer.errors import UserError
from sweepformer.export.agreement import LIMIT, Said, said_by_bundle, said_by_run
from sweepformer.export.rows_to_try import made_up, read_again, recorded
from sweepformer.inference.artifact import Artifact
from sweepformer.inference.bundle_predict import Labeller
from sweepformer.inference.readers import NetworkReader
from sweepformer.runs.directory import RunDirectory
from sweepformer.tasks.answers import Answers

log = logging.getLogger(__name__)


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
        self,
        artifact: Artifact,
        kind: Kind,
        reader: NetworkReader,
        answers: Answers,
        run: RunDirectory | None,
        allowed: Sequence[str],
    ) -> None:
        self._artifact, self._run, self._labelled = artifact, run, kind.labelled
        self._scale = float(artifact.task.get("scale", 1.0))
        self._rows, self._missing = _test_rows(artifact, kind, run, allowed)
        self._texts = self._rows.texts if self._rows is not None else made_up(reader)
        self._by_run = said_by_run(kind.labelled, self._scale, reader, answers, self._texts)

    def examine(self, folder: Path) -> Trial:
        """Compare.

        Raises:
            UserError: the bundle's answers are not the run's.
        """
        said = self._said(folder)
        recorded = self._difference_to_recorded(said)
        precision = (self._run.read_environment() if self._run else {}).get("effective_precision")
        trial = Trial(
            len(self._texts), self._missing, said.difference(self._by_run), recorded, str(precision or "unknown")
        )
        worst = max(trial.difference, recorded or 0.0) if trial.exact else trial.difference
        if not worst <= LIMIT:
            raise UserError(
                f"The exported model's answers differ from the run's by {worst:.1e}, more than {LIMIT:.0e}: nothing is "
                "left of it. Another --format may do."
            )
        return trial

    def examine_rounded(self, folder: Path, trial: Trial) -> Trial:
        """Compare again, now that weights are rounded, and say how good the answers are. trial: the first one's."""
        said = self._said(folder)
        difference = said.difference(self._by_run)
        if self._rows is None:
            return replace(trial, rounded=difference)
        thresholds = self._artifact.task.get("thresholds")
        measure, before = self._by_run.score(self._rows, thresholds)
        return replace(trial, rounded=difference, scores=(measure, before, said.score(self._rows, thresholds)[1]))

    def _said(self, folder: Path) -> Said:
        return said_by_bundle(self._labelled, self._scale, Labeller(folder), self._texts)

    def _difference_to_recorded(self, said: Said) -> float | None:
        if self._rows is None or self._run is None or not _was_tested(self._run, self._artifact.origin):
            return None
        try:
            places, values = recorded(self._run.predictions, self._labelled, self._artifact.classes, self._rows.ids)
        except UserError as error:
            log.info("not compared with what the run recorded: %s", error)
            return None
        chosen = Said(said.labelled, [said.values[place] for place in places], said.scale)
        return chosen.difference(Said(said.labelled, values, said.scale))


def _was_tested(run: RunDirectory, checkpoint: Path) -> bool:
    """Whether a run's predictions are those of this checkpoint."""
    summary = run.read_summary()
    if summary is None:
        return False
    tested = run.path / summary.best_checkpoint if summary.best_checkpoint else run.last_checkpoint
    return tested.resolve() == checkpoint.resolve()


def _test_rows(
    artifact: Artifact, kind: Kind, run: RunDirectory | None, allowed: Sequence[str]
) -> tuple[TokenizedRows | None, str]:
    """The test split, or why there is none."""
    if run is None:
        return None, "the checkpoint stands outside of its run"
    try:
        return read_again(artifact.config, kind.labelled, run, allowed), ""
    except (UserError, OSError) as error:
        return None, f"the run's data can't be read again: {str(error).splitlines()[0].rstrip('.')}"
