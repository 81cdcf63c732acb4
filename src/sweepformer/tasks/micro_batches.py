"""Batches that don't fit in memory, a part at a time."""

import ctypes
import gc
import logging
from collections.abc import Callable
from typing import TypeVar

import torch

from sweepformer.data.batches import Batch, parts
from sweepformer.errors import UserError, is_out_of_memory

log = logging.getLogger(__name__)

T = TypeVar("T")


class MicroBatches:
    """Does some work on batches in as few parts as fit in memory, and remembers what does.

    Args:
        work: its name, for messages.
    """

    def __init__(self, work: str) -> None:
        self.work = work
        # Places for tokens in a part, padding included; what has no length, such as weights, is not split by this.
        self.most: int | None = None  # none was too large yet

    def each(self, do: Callable[[Batch], T], batch: Batch, undo: Callable[[], object] = lambda: None) -> list[T]:
        """What `do` returns of every part of a batch, in order.

        When memory is used up, all of the batch is done anew in smaller parts, after `undo` has removed what parts
        have left behind.

        Raises:
            UserError: there is no room for a single row.
        """
        while True:
            number = 1 if self.most is None else min(-(-batch.token_ids.numel() // self.most), len(batch.rows))
            try:
                return [do(part) for part in parts(batch, number)]
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                why = (str(error) or type(error).__name__).splitlines()[0]
            # Not earlier: the error holds on to all that was computed.
            undo()
            self._make_smaller(batch, number, why)

    def _make_smaller(self, batch: Batch, number: int, why: str) -> None:
        rows, size = len(batch.rows), -(-batch.token_ids.numel() // number)
        if number == rows:
            raise UserError(
                f"out of memory in {self.work} with a single row of {size} tokens ({why}): it can't be split. Lower "
                "model.max_length, or choose a smaller model."
            )
        self.most = max(size // 2, 1)
        _free_what_is_unused()
        log.warning(
            "warning: %s: %d rows don't fit in memory at once (%s): from here on batches are split in parts of at most "
            "%d tokens, padding included",
            self.work, -(-rows // number), why, self.most,
        )  # fmt: skip


def _free_what_is_unused() -> None:
    """What was freed lies about in pieces of the size that was too large, until it is given back to the system."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # glibc has it
        trim(0)
