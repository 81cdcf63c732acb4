"""Texts to logits: cut into tokens and batches as in training, and read by the model."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from sweepformer.baselines.baseline import Baseline, with_unseen
from sweepformer.data.batch_plan import BatchPlan
from sweepformer.data.batches import Batch, BatchedRows, Words
from sweepformer.data.encoding import Encoded, encode
from sweepformer.data.store import TokenizedRows
from sweepformer.data.texts import split_words
from sweepformer.data.tokenizer import pad_id, separator_id
from sweepformer.data.truncation import Truncation
from sweepformer.tasks.answers import row_logits, word_logits

TOKENS_AT_ONCE = 16_384  # in a batch, padding included
ROWS_AT_ONCE = 10_000  # that a baseline is given


class Read(NamedTuple):
    """What was said of some of the texts.

    rows: (batch,) int64, their places among all; logits: (batch, outputs) float32, or of words (words, tags); cut:
    (batch,) bool, which rows were too long to be read whole; words: (words,) int64, the place of each word's row in the
    batch, None where rows are answered for.
    """

    rows: Tensor
    logits: Tensor
    cut: Tensor
    words: Tensor | None = None


class Reader(Protocol):
    """Whoever answers for texts."""

    def read(self, texts: Sequence[str]) -> Iterator[Read]:
        """Every text once, in any order; texts are written as `data.texts` writes pairs and words."""


class NetworkReader:
    """A trained network. Nothing of it changes as it reads: several threads may ask at once.

    Rows of like length go together, in batches of as many tokens as `TOKENS_AT_ONCE`. Padding has no part in what is
    said of a row, so that answers don't depend on the others in its batch, but for the last bits of floating-point
    sums.

    Args:
        model: on its device, in its precision.
        tokenizer: the one that it was trained with.
        truncation: how rows are read that are too long.
        pairs: a row is two texts; tagged: words.
        device: the model's.
        autocast: type of the products; None: that of the weights.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Tokenizer,
        truncation: Truncation,
        pairs: bool,
        tagged: bool,
        device: torch.device,
        autocast: torch.dtype | None,
    ) -> None:
        self.model, self.tokenizer, self.truncation = model.eval().requires_grad_(False), tokenizer, truncation
        self.pairs, self.tagged, self.device, self.autocast = pairs, tagged, device, autocast
        self._filler, self._separator = pad_id(tokenizer), separator_id(tokenizer) if pairs else None

    def read(self, texts: Sequence[str]) -> Iterator[Read]:
        for batch, cut in self.batches(texts):
            with self.asking():
                said = self.model(batch.token_ids, batch.layout)
                if batch.words is None:
                    answered = Read(batch.rows, row_logits(said, batch).float(), cut)
                else:
                    logits = word_logits(said.float(), batch.words)
                    answered = Read(batch.rows, logits, cut, batch.words.rows)
            yield answered

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Without gradients, in the model's precision."""
        mixed = self.autocast is not None
        with torch.inference_mode(), torch.autocast(self.device.type, dtype=self.autocast, enabled=mixed):
            yield

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[Batch, Tensor]]:
        """Batches on the model's device, their `rows` counted through all texts; and which of these are cut."""
        first = 0
        for encoded in encode(self.tokenizer, texts, self.pairs, self.tagged):
            rows = self._tokenized(encoded)
            batched = BatchedRows(rows, self.truncation, self._filler, separator_id=self._separator)
            cut = torch.from_numpy(rows.lengths > batched.lengths)
            size = max(int(TOKENS_AT_ONCE / batched.lengths.mean()), 1)
            for chosen in BatchPlan(batched.lengths, size).in_order():
                batch = batched.__getitems__(chosen.tolist())
                yield _moved(batch._replace(rows=batch.rows + first), self.device), cut[chosen]
            first += len(rows)

    def positions(self, token_ids: np.ndarray) -> np.ndarray:
        """Which tokens of a text, (tokens,) int64, are read in each sequence: (sequences, length) int64."""
        first = None if self._separator is None else np.array([(token_ids == self._separator).argmax()])
        pieces = self.truncation.pieces(np.zeros(1, dtype=np.int64), np.array([len(token_ids)]), first)
        return pieces.tokens(np.arange(len(pieces.rows))[:, None], np.arange(pieces.lengths[0]))

    def _tokenized(self, encoded: Encoded) -> TokenizedRows:
        offsets = np.concatenate([[0], np.cumsum(encoded.lengths)])
        # Tags are not known: any will do to say which token a word begins with.
        labels = encoded.tags(np.zeros(encoded.words, dtype=np.int64)) if self.tagged else np.zeros(len(offsets) - 1)
        return TokenizedRows(encoded.tokens, offsets, labels, (), (), self.tagged)


class BaselineReader:
    """A fitted baseline. tagged: it answers for words; classes: how many there are."""

    def __init__(self, baseline: Baseline, tagged: bool, classes: int) -> None:
        self.baseline, self.tagged, self.classes = baseline, tagged, classes

    def read(self, texts: Sequence[str]) -> Iterator[Read]:
        for start in range(0, len(texts), ROWS_AT_ONCE):
            some = texts[start : start + ROWS_AT_ONCE]
            words = None
            if self.tagged:
                counts = torch.tensor([len(split_words(text)) for text in some])
                words = torch.repeat_interleave(torch.arange(len(some)), counts)
            rows, none = torch.arange(start, start + len(some)), torch.zeros(len(some), dtype=torch.bool)
            yield Read(rows, torch.from_numpy(with_unseen(self.baseline.logits(some), self.classes)), none, words)


def _moved(batch: Batch, device: torch.device) -> Batch:
    def moved(part: Any) -> Any:
        if isinstance(part, Words):
            return Words(*map(moved, part))
        return part.to(device) if isinstance(part, Tensor) else part

    return Batch(*map(moved, batch))
