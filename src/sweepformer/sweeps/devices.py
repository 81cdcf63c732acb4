"""Which GPU a run of a sweep works on, where several run at once on a machine with several."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from filelock import FileLock

from sweepformer.files import locks

_held: list[FileLock] = []  # what this process has claimed, until it ends


def claim_gpu(sweep: Path, trainer: dict[str, object]) -> None:
    """Let this process see one GPU only, so that the runs of a sweep spread evenly over all.

    Does nothing where there is no choice, where a launcher has chosen already, or where a run wants several.
    """
    if _held or trainer.get("devices") not in (1, "1") or trainer.get("accelerator") == "cpu":
        return
    # Counted without starting CUDA, which would read the variable set below too early: is_available() does that.
    if torch.cuda.device_count() < 2:
        return
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = visible.split(",") if visible else [str(number) for number in range(torch.cuda.device_count())]
    if len(devices) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = claim(sweep / ".devices", devices)


def claim(folder: Path, devices: Sequence[str]) -> str:
    """The device that fewest processes have claimed; the claim ends with this process, however it ends."""
    for place in itertools.count():
        for device in devices:
            if lock := locks.claim(folder / f"{device}-{place}"):
                _held.append(lock)
                return device
    raise AssertionError("there is always a next place")
