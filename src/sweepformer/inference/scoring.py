"""How likely texts are to a language model."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from sweepformer.data.batches import Batch
from sweepformer.data.tokenizer import vocab_size
from sweepformer.inference.readers import NetworkReader
from sweepformer.tasks.answers import in_order
from sweepformer.tasks.questions import Masking, Question, in_parts, next_tokens, row_sums

COLUMNS = {"loss": "float32", "perplexity": "float32", "tokens": "int64"}  # that are written of texts
MASKING = ("rate", "masked", "random")  # options of task=masked_lm


class Scores(NamedTuple):
    """How likely texts are.

    loss: (rows,) float32, the mean negative log likelihood (in nats) of the tokens that were asked for, NaN where there
    is none; tokens: (rows,) int64, how many these are.
    """

    loss: np.ndarray
    tokens: np.ndarray

    @property
    def perplexity(self) -> np.ndarray:
        """(rows,) float32, e to the loss: among how many tokens the model is as good as undecided."""
        return np.exp(self.loss)


class Scorer:
    """Asks a language model for each token from those before it, or for hidden ones from those around them.

    Which tokens of a text are hidden depends on the seed of the run and on the text's place among those given, as in
    the test of the run (see `Masking`): it is the same each time.

    reader: with the model; causal: whether a token is told from those before it only; task: the run's config of it;
    seed: the run's.
    """

    def __init__(self, reader: NetworkReader, causal: bool, task: dict[str, Any], seed: int) -> None:
        self.reader, self.causal = reader, causal
        self.vocab_size = vocab_size(reader.tokenizer)
        self._ask: Callable[[Batch], Question] = next_tokens
        if not causal:
            options = {name: task[name] for name in MASKING if name in task}
            masking = Masking(reader.tokenizer, seed, **options).to(reader.device)
            self._ask = lambda batch: masking(batch, None)

    def score(self, texts: Sequence[str], first: int = 0) -> tuple[Scores, np.ndarray]:
        """The scores of texts, and (texts,) bool, which were too long to be read whole. first: place of the first."""
        parts = []
        for batch, too_long in self.reader.batches(texts):
            with self.reader.asking():
                sums = torch.cat(list(self._sums(batch._replace(rows=batch.rows + first)))).cpu()
            parts.append({"rows": batch.rows.cpu(), "losses": sums[:, 0], "tokens": sums[:, 1], "cut": too_long})
        if not parts:
            return Scores(np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64)), np.zeros(0, dtype=bool)
        _, kept = in_order(parts)
        with np.errstate(invalid="ignore"):  # a text of one token has none before it
            return Scores(kept["losses"] / kept["tokens"], kept["tokens"].astype(np.int64)), kept["cut"]

    def _sums(self, batch: Batch) -> Iterator[Tensor]:
        """Some rows at a time, (rows, 2) float32."""
        for part in in_parts(batch, self.vocab_size):
            question = self._ask(part)
            logits = self.reader.model(question.token_ids, part.layout, causal=self.causal, chosen=question.chosen)
            losses = cross_entropy(logits.float(), question.answers, reduction="none")
            yield row_sums(losses, question, len(part.rows))
