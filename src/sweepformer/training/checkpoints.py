"""How Lightning writes and reads the checkpoints of a run, and which of them it is resumed from."""

import logging
import math
from pathlib import Path
from typing import Any, NamedTuple

from pytorch_lightning.plugins.io import TorchCheckpointIO

from sweepformer.config.plain import differences, with_new_names
from sweepformer.errors import UserError
from sweepformer.files.atomic import Damaged
from sweepformer.files.checkpoints import read_checkpoint, write_checkpoint
from sweepformer.runs.directory import RunDirectory

log = logging.getLogger(__name__)


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints are written beside their place, synced, renamed; and checked when they are read."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        if "://" in str(path):  # a remote store has ways of its own
            super().save_checkpoint(checkpoint, path, storage_options)
        else:
            write_checkpoint(Path(path), checkpoint)

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True) -> dict[str, Any]:
        if "://" in str(path):
            return super().load_checkpoint(path, map_location, weights_only=True)
        return read_checkpoint(Path(path), map_location)


def read_best(path: Path, config: dict[str, Any], monitor: str | None, score: Any) -> dict[str, Any]:
    """The checkpoint that the training of a run of `config` chose as its best, by `monitor`, which was `score`.

    Raises:
        UserError: it is gone or damaged, or another one lies in its place.
    """
    try:
        found = _read_own(path, config)
        saved = found.get("sweepformer", {}).get("metrics", {}).get(monitor)
        if saved is not None and math.isfinite(saved) and score is not None and saved != float(score):
            raise Damaged(f"its {monitor} is {saved:g}, and that of the best was {float(score):g}")
    except Damaged as error:
        raise UserError(
            f"{path}, the best checkpoint of this run, can't be used: {error}. Put it back if there is a copy, or "
            f"remove {path.parent} to train anew."
        ) from error
    return found


class Resumed(NamedTuple):
    """The checkpoint that a run is resumed from; logged: bytes of its log files when that was saved, by name."""

    path: Path
    logged: dict[str, int]


def resume_checkpoint(directory: RunDirectory, config: dict[str, Any]) -> Resumed | None:
    """The checkpoint that a run of `config` is resumed from; None if the run begins anew.

    That is `last.ckpt`. If it can't be used, or is another run's, the newest one beside it that can.

    Raises:
        UserError: there is a `last.ckpt`, and neither it nor another can be used.
    """
    last = directory.last_checkpoint
    if not last.exists():
        return None
    try:
        return _resumed(last, _read_own(last, config))
    except Damaged as error:
        reason = str(error)
    others = []
    for path in directory.checkpoints.glob("*.ckpt"):
        try:
            others.append((path, _read_own(path, config)))
        except Damaged as error:
            log.warning("warning: %s can't be used (%s)", path, error)
    if not others:
        raise UserError(
            f"{last} can't be read as a checkpoint of this run: {reason}. There is no other to go on from: "
            "remove it to begin anew, or put another checkpoint of this run in its place."
        )
    newest = max(others, key=lambda one: one[1]["global_step"])
    log.warning("warning: %s can't be used (%s): the one before it is %s", last, reason, newest[0].name)
    return _resumed(*newest)


def _resumed(path: Path, checkpoint: dict[str, Any]) -> Resumed:
    return Resumed(path, checkpoint.get("callbacks", {}).get("LogFiles", {}))


def _read_own(path: Path, config: dict[str, Any]) -> dict[str, Any]:
    try:
        checkpoint = read_checkpoint(path)
        if not isinstance(checkpoint, dict) or "global_step" not in checkpoint:
            raise Damaged("it is not the checkpoint of a training")
        _check_remembered(checkpoint.get("callbacks", {}))
        saved = checkpoint.get("sweepformer", {}).get("config")
        other = differences(_comparable(with_new_names(saved)), _comparable(config)) if saved else []
    except OSError as error:
        raise Damaged(f"it can't be read: {error.strerror}") from error
    except Damaged:
        raise
    except Exception as error:  # whatever comes of a file that was sealed with something else in it
        reason = str(error).partition("\n")[0]
        raise Damaged(f"it can't be loaded ({type(error).__name__}: {reason})") from error
    if other:
        raise Damaged(f"it belongs to a run of another config ({other[0]})")
    return checkpoint


def _check_remembered(states: dict[str, Any]) -> None:
    """Refuse what callbacks remember of files, and will load, shorten or remove, if they could not have written it."""
    for name, state in states.items():
        if not isinstance(state, dict):
            continue
        paths = [state.get(key) for key in ("best_model_path", "kth_best_model_path", "last_model_path")]
        paths += [*state.get("best_k_models", {}), *state.get("obsolete", [])]
        for path in filter(None, paths):
            # One of ours keeps names only, as the folder may be moved.
            folder = state.get("dirpath")
            within = Path(path).name == path if folder is None else Path(folder) in Path(path).parents
            if not within or not path.endswith(".ckpt") or ".." in Path(path).parts:
                raise Damaged(f"what {name.partition('{')[0]} kept in it names {path}, which is not in its folder")
    if not all(isinstance(size, int) and size >= 0 for size in states.get("LogFiles", {}).values()):
        raise Damaged("the lengths of log files in it are none")


def _comparable(config: dict[str, Any]) -> dict[str, Any]:
    """Without the precision, of which a checkpoint holds what it came to on its device."""
    return {**config, "trainer": {**config["trainer"], "precision": None}}
