"""Checkpoints on disk: whole or absent, with a checksum over every byte, and nothing in them that could run.

A checkpoint is what `torch.save` writes, a zip archive, with a checksum in the archive's comment: torch and others
read it as any other.
"""

import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO

import numpy as np
import torch

from sweepformer.files.atomic import Damaged, replace_file

MARK = b"sweepformer sha256 "
COMMENT_BYTES = len(MARK) + 64


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
        Damaged: the file is torn, changed, none of ours, or holds something that would run when it is loaded.
        FileNotFoundError: there is none.
    """
    if path.exists() and not path.is_file():
        raise Damaged("it is no file")  # a pipe would be waited for
    with path.open("rb") as file:
        _check(file)
        file.seek(0)
        try:
            return torch.load(file, map_location=map_location, weights_only=True)
        except UnpicklingError as error:
            named = re.search(r"GLOBAL (\S+)", str(error))
            raise Damaged(
                f"it holds {named[1] if named else 'something'} beside numbers and names, which could run a program, "
                "and was not loaded"
            ) from error


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


def weights_digest(path: Path, named: Callable[[str], str] = str) -> str:
    """Sixteen hex digits over names, types, shapes and bits of a checkpoint's weights, or of a baseline's `.npz`.

    named: what a weight is called, from its name in the file.

    Raises:
        OSError, ValueError: it can't be read, or is damaged.
    """
    weights: dict[str, tuple[Any, tuple[int, ...], bytes]] = {}
    if path.suffix == ".npz":
        with np.load(path) as arrays:  # never unpickles
            for name, array in arrays.items():
                weights[name] = array.dtype, array.shape, array.tobytes()
    else:
        for name, tensor in read_checkpoint(path)["state_dict"].items():
            bits = tensor.contiguous().reshape(-1).view(torch.uint8).numpy()
            weights[named(name)] = tensor.dtype, tuple(tensor.shape), bits.tobytes()
    digest = hashlib.sha256()
    for name in sorted(weights):
        dtype, shape, content = weights[name]
        digest.update(f"{name} {dtype} {shape} ".encode() + content)
    return digest.hexdigest()[:16]
