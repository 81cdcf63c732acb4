"""What each of several processes that train together has of its own, where one of them writes for all."""

import io
from typing import Any

import torch


def of_each(own: Any) -> list[Any]:
    """What every process has, by rank; all of them ask at once."""
    if not _several():
        return [own]
    written = io.BytesIO()  # as a checkpoint is: pickling alone does not know all types of tensors
    torch.save(own, written)
    everyones: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(everyones, written.getvalue())
    return [torch.load(io.BytesIO(one), map_location="cpu", weights_only=True) for one in everyones]


def of_this(everyones: list[Any]) -> Any:
    """What this process had."""
    return everyones[torch.distributed.get_rank() if _several() else 0]


def _several() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
