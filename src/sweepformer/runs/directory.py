"""What a run leaves on disk, when, and how it is known to be whole."""

import hashlib
import json
import logging
import os
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from yaml import YAMLError, safe_load

from sweepformer.config.plain import config_hash, differences, overrides_with_new_names, renaming, with_new_names
from sweepformer.errors import UserError
from sweepformer.files.atomic import remove_unfinished, write_text
from sweepformer.files.inside import refuse_links_out
from sweepformer.files.locks import Locked, locked
from sweepformer.runs.environment import environment

log = logging.getLogger(__name__)

SWEEP_FILE = "sweep.json"
PRETRAINING = "pretraining"  # the folder of the first of two runs in one
# Folders of a run that may be links to another disk: what is in them is replaced, not written into. W&B makes its own.
MAY_LIE_ELSEWHERE = ("checkpoints", "wandb")
# A run that says this of itself is not started again.
FINAL = ("completed", "stopped_early_by_sweep")
SPARE_BYTES = 64 * 1024  # kept for the summary of a run that ends because the disk is full


@dataclass
class Summary:
    """The result of a run; `summary.json` holds these fields under these names."""

    status: str
    metrics: dict[str, float] = field(default_factory=dict)
    best_checkpoint: str | None = None
    overrides: list[str] = field(default_factory=list)
    config_hash: str = ""
    parameters: int | None = None
    epochs: int = 0
    steps: int = 0
    skipped_steps: int = 0  # counted in steps too: their gradients were NaN or infinite
    fp16_overflows: int = 0  # likewise, until the scale of the loss fitted
    loss_spikes: int = 0
    tokens: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    tokens_per_second: float | None = None
    padding_share: float | None = None
    mfu: float | None = None
    effective_precision: str | None = None
    peak_memory_bytes: int | None = None
    error: dict[str, str] | None = None


class RunDirectory:
    """One run's folder, which is new, or holds a run of the same config that is to go on or has its result already."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.checkpoints = self.path / "checkpoints"
        self.last_checkpoint = self.checkpoints / "last.ckpt"
        self.predictions = self.path / "predictions.parquet"
        self._summary = self.path / "summary.json"
        self._spare = self.path / ".spare"
        self._config = self.path / ".hydra" / "config.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the directory and hold it against other processes; one that is at work in it is waited for.

        Raises:
            UserError: it can't be written, or has links that lead out.
        """
        with ExitStack() as held:
            with self._or_refuse():
                self.path.mkdir(parents=True, exist_ok=True)
                refuse_links_out(self.path, ("*", "tensorboard/**/*"), but=MAY_LIE_ELSEWHERE)
                waiting = f"{self.path} is in use by another process: waiting for it"
                held.enter_context(locked(self.path / ".lock", waiting))
            yield

    def claim(self, config: dict[str, Any], hydra_files: dict[str, str]) -> Summary | None:
        """Take the directory for a run of `config` (plain), or return the result of that run if it has one.

        hydra_files: contents of `.hydra/` by file name, as Hydra would write them.

        Raises:
            UserError: the directory belongs to a run of another config, or can't be written.
        """
        with self._or_refuse():
            self.refuse_other(config)
            if result := self.result:
                return result
            if self.read_summary() is None and self._summary.exists():
                log.warning("warning: %s is damaged: what it said is found out again", self._summary)
            # What an earlier process was writing when it was killed, here and in what runs tell their sweep.
            remove_unfinished((self.path, self.path / ".hydra", self.checkpoints))
            remove_unfinished(self.path.parent.glob(".halving/*/"), self.path.name)
            if self.checkpoints.exists():  # on another disk, perhaps, which is full or can't be written
                tempfile.TemporaryFile(dir=self.checkpoints).close()
            self._spare.write_bytes(bytes(SPARE_BYTES))
            self._summary.unlink(missing_ok=True)  # what an earlier attempt said of itself is no longer true
            for name, text in hydra_files.items():
                write_text(self.path / ".hydra" / name, text)
            write_text(self._config, json.dumps(config, indent=1))
        return None

    @contextmanager
    def _or_refuse(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"the run directory {self.path} can't be written ({error.strerror}). "
                "Choose another with hydra.run.dir=... or hydra.sweep.dir=..."
            ) from error

    def refuse_other(self, config: dict[str, Any]) -> None:
        """Raise a UserError if a run of another config has left work here that would be lost."""
        there, holds_work = self.read_config(), self.last_checkpoint.exists() or self.result is not None
        if there is not None and config_hash(there) != config_hash(config) and holds_work:
            found = [f"{self.path} holds a run of another config, which would be lost:", *differences(there, config)]
            advice = "Give another name=..., hydra.run.dir=... (a sweep: hydra.sweep.dir=...), or remove the directory."
            raise UserError("\n  ".join(found) + f"\n{advice}")

    def read_summary(self) -> Summary | None:
        """The recorded result; None if there is none, it can't be read or it isn't what was written."""
        content = _read_object(self._summary) or {}
        checksum = content.pop("checksum", None)
        try:
            summary = Summary(**content) if checksum in (None, _checksum(content)) else None
        except TypeError:  # it has other fields
            return None
        if summary and isinstance(summary.overrides, list):
            summary.overrides = self.with_new_names(summary.overrides)
        return summary

    @property
    def result(self) -> Summary | None:
        """The summary of a run that has come to its end; None if it hasn't."""
        summary = self.read_summary()
        return summary if summary is not None and summary.status in FINAL else None

    def read_outcome(self) -> Summary | None:
        """The recorded result, or what is known of a run that was started and could not record one."""
        summary = self.read_summary()
        if summary or not self._config.exists():
            return summary
        error = {"type": "ProcessLost", "message": "ended before it could say how far it was: typed again, it goes on"}
        return Summary(status="unfinished", overrides=self.overrides, error=error)

    def forget_failure(self) -> None:
        """Remove the summary of a run that has no result, unless another process is at work on one."""
        with suppress(Locked), locked(self.path / ".lock"):
            if self.result is None:
                self._summary.unlink(missing_ok=True)

    def read_config(self) -> dict[str, Any] | None:
        """The plain config of the run in here, under today's names; None if there is none or it can't be read."""
        return with_new_names(there) if (there := _read_object(self._config)) else there

    def with_new_names(self, overrides: list[str]) -> list[str]:
        """What was typed for the run in here, under today's names of keys."""
        is_old = any(renaming(one.partition("=")[0]) for one in overrides)
        return overrides_with_new_names(overrides, _read_object(self._config) or {}) if is_old else overrides

    @property
    def overrides(self) -> list[str]:
        """What was typed for the run in here; empty if that can't be read."""
        try:
            found = safe_load((self.path / ".hydra" / "overrides.yaml").read_text(encoding="utf-8"))
        except (OSError, ValueError, YAMLError, RecursionError):
            return []
        return self.with_new_names([str(one) for one in found]) if isinstance(found, list) else []

    @property
    def permanent_id(self) -> str:
        """Eight letters and digits drawn when first asked for, and kept: whoever moves the folder keeps the name."""
        path = self.path / ".hydra" / "id"
        if not path.exists():
            write_text(path, uuid.uuid4().hex[:8])
        return path.read_text(encoding="utf-8")

    @property
    def whole(self) -> "RunDirectory":
        """The run whose first part this one is, or itself."""
        around = RunDirectory(self.path.parent)
        return around if self.path.name == PRETRAINING and around.read_config() is not None else self

    def apart(self, options: dict[str, Any]) -> dict[str, Any]:
        """A part's options, in which a folder to write into is this run's own: runs that share its config, those of a
        sweep or one and its pretraining, would overwrite each other's files."""
        whole = self.whole
        within = os.path.relpath(self.path, whole.path.parent if whole.sweep else whole.path)
        return {
            key: os.path.normpath(os.path.join(value, within))
            if key in ("dirpath", "save_dir", "log_dir", "dir") and isinstance(value, str) and "://" not in value
            else value
            for key, value in options.items()
        }

    @property
    def sweep(self) -> dict[str, Any]:
        """What the sweep around this run wrote of itself (`swept` keys, `command`); empty for a single run."""
        return _read_object(self.path.parent / SWEEP_FILE) or {}

    @property
    def status(self) -> str:
        """The status that is recorded, "waiting" if there is none."""
        summary = self.read_summary()
        return summary.status if summary else "waiting"

    def state(self, since: float) -> str:
        """The result's status, else what became of the run after `since` (seconds since the epoch)."""

        def changed(path: Path) -> bool:
            try:
                return path.stat().st_mtime >= since
            except OSError:
                return False

        status = self.status
        if status in FINAL or changed(self._summary):
            return status
        return "running" if changed(self._config) else "waiting"

    def record_loss(self, reason: str, config_hash: str, overrides: Sequence[str]) -> Summary:
        """Write and return the summary of a run whose process is gone and could not write it."""
        error = {"type": "ProcessLost", "message": reason}
        summary = Summary(status="failed", config_hash=config_hash, overrides=list(overrides), error=error)
        try:
            self.write_summary(summary)
            with (self.path / "run.log").open("a", encoding="utf-8") as file:
                file.write(f"{reason}\n")
        except OSError as cause:
            log.error("%s: %s; its summary can't be written (%s)", self.path, reason, cause.strerror)
        return summary

    def write_summary(self, summary: Summary) -> None:
        """Record the result: the last thing that a run does."""
        content = asdict(summary)
        self._spare.unlink(missing_ok=True)
        write_text(self._summary, json.dumps({**content, "checksum": _checksum(content)}, indent=2) + "\n")

    def write_environment(self, **facts: Any) -> None:
        """Record where and with what this run was started."""
        write_text(self.path / "environment.json", json.dumps({**environment(), **facts}, indent=2) + "\n")

    def read_environment(self) -> dict[str, Any]:
        """What `write_environment` wrote; empty if it can't be read."""
        return _read_object(self.path / "environment.json") or {}

    def write_labels(self, classes: list[str]) -> None:
        """The classes' names, in the order of their numbers."""
        write_text(self.path / "labels.json", json.dumps(classes, ensure_ascii=False) + "\n")

    def relative(self, path: str | None) -> str | None:
        """A path as it stands in the summary: relative to the run, so that the folder can be moved."""
        if not path:
            return None
        real, checkpoints = Path(os.path.realpath(path)), os.path.realpath(self.checkpoints)
        if real.is_relative_to(checkpoints):  # by whatever links: Lightning follows them
            return str(self.checkpoints.relative_to(self.path) / real.relative_to(checkpoints))
        return os.path.relpath(path, self.path)


def _read_object(path: Path) -> dict[str, Any] | None:
    """What a JSON file holds; None if there is none, it can't be read or it holds no object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None  # a pipe has no end
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _checksum(content: dict[str, Any]) -> str:
    """Sixteen hex digits over a summary's fields: JSON itself would not notice a digit that changed."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
