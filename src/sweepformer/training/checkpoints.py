"""Checkpoints on disk: whole or absent, with a checksum over every byte, and nothing in them that could run.

A checkpoint is what `torch.save` writes, a zip archive, with a checksum in the archive's comment: torch and others
read it as any other.
"""

import hashlib
import io
import logging
from pathlib import Path
from typing import Any, BinaryIO

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from sweepformer.config import differences
from sweepformer.errors import UserError
from sweepformer.run_directory import RunDirectory
from sweepformer.whole_files import Damaged, replace_file

log = logging.getLogger(__name__)

MARK = b"sweepformer sha256 "
COMMENT_BYTES = len(MARK) + 64


class WholeCheckpoints(TorchCheckpointIO):
    """How Lightning writes and reads checkpoints of a run: beside their place, synced, renamed, checked."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        if "://" in str(path):  # a remote store has ways of its own
            super().save_checkpoint(checkpoint, path, storage_options)
        else:
            write_checkpoint(Path(path), checkpoint)

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True) -> dict[str, Any]:
        if "://" in str(path):
            return super().load_checkpoint(path, map_location, weights_only=True)
        return read_checkpoint(Path(path), map_location)


def write_checkpoint(path: Path, checkpoint: dict[str, Any]) -> None:
    """Write a checkpoint over `path`, or leave what is there.

    Raises:
        OSError: the disk is full, or can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()  # torch writes in small pieces, and doesn't say why the system refused one
    torch.save(checkpoint, buffer)
    with buffer.getbuffer() as content:
        content[-2:] = COMMENT_BYTES.to_bytes(2, "little")  # the length of the archive's comment, which was empty
        comment = MARK + hashlib.sha256(content).hexdigest().encode()

        def write(temporary: str) -> None:
            with open(temporary, "wb") as file:
                file.write(content)
                file.write(comment)

        replace_file(path, write)


def read_checkpoint(path: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """What `write_checkpoint` wrote.

    Raises:
        Damaged: the file is torn, changed, or none of ours.
        FileNotFoundError: there is none.
    """
    with path.open("rb") as file:
        _check(file)
        file.seek(0)
        return torch.load(file, map_location=map_location, weights_only=True)


def _check(file: BinaryIO) -> None:
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - COMMENT_BYTES))
    comment = file.read()
    if not comment.startswith(MARK):
        raise Damaged("it is cut short, or was written by something else")
    file.seek(0)
    found, left = hashlib.sha256(), size - COMMENT_BYTES
    while left and (piece := file.read(min(left, 1 << 20))):
        found.update(piece)
        left -= len(piece)
    if MARK + found.hexdigest().encode() != comment:
        raise Damaged("its contents are not as they were written: the checksum differs")


def find_checkpoint(directory: RunDirectory, config: dict[str, Any]) -> tuple[Path, dict[str, Any]] | None:
    """The checkpoint that a run goes on from, and what is in it; None if the run begins anew.

    That is `last.ckpt`. If it can't be used, the newest one beside it that can.

    Args:
        config: the run's. A checkpoint of another run is none of this one's.

    Raises:
        UserError: there is a `last.ckpt`, and neither it nor another can be used.
    """
    last = directory.last_checkpoint
    if not last.exists():
        return None
    try:
        return last, _read_own(last, config)
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
    return newest


def _read_own(path: Path, config: dict[str, Any]) -> dict[str, Any]:
    try:
        checkpoint = read_checkpoint(path)
    except OSError as error:
        raise Damaged(f"it can't be read: {error.strerror}") from error
    except Damaged:
        raise
    except Exception as error:  # whatever unpickling makes of a file that was sealed with something else in it
        raise Damaged(f"it can't be loaded: {str(error).splitlines()[0]}") from error
    if not isinstance(checkpoint, dict) or "global_step" not in checkpoint:
        raise Damaged("it is not the checkpoint of a training")
    saved = checkpoint.get("sweepformer", {}).get("config")
    if saved and (other := differences(_comparable(saved), _comparable(config))):
        raise Damaged(f"it belongs to a run of another config ({other[0]})")
    return checkpoint


def _comparable(config: dict[str, Any]) -> dict[str, Any]:
    """Without the precision, of which a checkpoint holds what it came to on its device."""
    return {**config, "trainer": {**config["trainer"], "precision": None}}
