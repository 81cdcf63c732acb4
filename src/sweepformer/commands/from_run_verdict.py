"""What is said when a run is repeated: whether the result is the same, and if it isn't, what differs."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

from hydra.core.utils import JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from sweepformer.runs.directory import RunDirectory
from sweepformer.screen.tables import table_text

log = logging.getLogger(__name__)

# 1 is a run that failed, 2 a mistyped flag: a run that worked and came to something else is neither.
ANOTHER_RESULT = 3
SHOWN = 15  # differences of each kind


class Verdict(Callback):
    """Compares a repeated run with the one that it repeats, once it has its result.

    It exits instead of raising, because Hydra turns a callback's exceptions into warnings.

    Args:
        run: the directory of the run that is repeated.
        argv: the command as it was typed.
        changed: whether it asks for another run, by overrides.
        notes: what is to be said before it begins.
    """

    def __init__(self, run: str, argv: list[str], changed: bool, notes: list[str]) -> None:
        self.there, self.name = RunDirectory(Path(run)), os.path.relpath(run)
        self.argv, self.changed, self.notes = argv, changed, notes

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        if Path(config.hydra.run.dir).resolve() == self.there.path.resolve():
            sys.exit(
                f"Error: hydra.run.dir={config.hydra.run.dir} is the run that is to be repeated. Leave hydra.run.dir "
                "out, or name another directory."
            )

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        # Hydra was given other arguments: what is recorded, and what further processes start with, is what was typed.
        sys.argv = self.argv
        for note in self.notes:
            log.warning("warning: %s", note)
        outcome = self.there.read_outcome()
        if self.there.result is None:
            state = outcome.status if outcome else "unfinished"
            log.warning("warning: %s has no result (%s): there is nothing to compare with", self.name, state)
        elif outcome and outcome.status == "stopped_early_by_sweep":
            log.warning("warning: %s was stopped early by its sweep: by itself it trains on", self.name)

    def on_run_end(self, config: DictConfig, **about: Any) -> None:
        from sweepformer.lightning_internals import process_rank  # which the run has loaded

        if about["job_return"].status is not JobStatus.COMPLETED or process_rank():
            return
        if not self._is_same(RunDirectory(Path(config.hydra.runtime.output_dir))) and not self.changed:
            sys.exit(ANOTHER_RESULT)

    def _is_same(self, here: RunDirectory) -> bool:
        """Says what the comparison came to; True too where there is nothing to compare."""
        from sweepformer.analysis.repetition.comparison import compare

        if self.there.result is None or here.result is None:
            log.info("%s has no result: nothing was compared", self.name)
            return True
        found = compare(self.there, here)
        if not found.result:
            weights = ", ".join(f"{name} {digest}" for name, digest in found.weights.items())
            of_weights = f" and the weights ({weights})" if weights else ", and there are no weights to compare,"
            log.info("the same as %s: %d metrics%s are bit-identical", self.name, found.metrics, of_weights)
            return True
        log.info("\n%s", _table(f"Not the same as {self.name}", "result", found.result))
        if found.causes:
            log.info("\n%s", _table("What may be why", "differs", found.causes))
        else:
            log.info("nothing that is recorded differs: versions, commit, device, threads, data, tokenizer, config")
        trainer = (here.read_config() or {}).get("trainer", {})
        if here.read_environment().get("device") != "cpu" and not trainer.get("deterministic"):
            log.info("on this device only runs with trainer.deterministic=true come to the same bits twice")
        return False


def _table(title: str, column: str, differences: list[tuple[str, Any, Any]]) -> str:
    rows = [[name, str(there), str(here)] for name, there, here in differences[:SHOWN]]
    if len(differences) > SHOWN:
        rows.append([f"... {len(differences) - SHOWN} more", "", ""])
    return table_text(title, [column, "there", "here"], rows)
