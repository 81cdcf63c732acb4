"""Hidden tokens from those around them."""

from typing import Any

from sweepformer.config.kinds import KINDS
from sweepformer.data.batches import Batch
from sweepformer.tasks.language_modeling import TokenPrediction
from sweepformer.tasks.questions import Masking, Question
from sweepformer.tasks.task import Targets


class MaskedLM(TokenPrediction):
    """Trains a model to fill gaps (Devlin et al. 2019, BERT); other tokens are hidden in every epoch.

    In validation and test the same tokens are hidden each time, so that epochs and runs of one seed compare.
    Arguments are as of `Masking` (masked=1, random=0: always a mask) and `TokenPrediction`.
    """

    kind = KINDS["MaskedLM"]
    causal = False

    def __init__(
        self, targets: Targets, rate: float = 0.15, masked: float = 0.8, random: float = 0.1, **parts: Any
    ) -> None:
        super().__init__(targets=targets, **parts)
        assert targets.tokenizer is not None
        self.masking = Masking(targets.tokenizer, targets.seed, rate, masked, random)
        self.answers_per_batch = max(rate * targets.tokens_per_batch, targets.rows_per_batch)

    def ask(self, batch: Batch, epoch: int | None) -> Question:
        return self.masking(batch, epoch)
