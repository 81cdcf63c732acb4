"""Hidden tokens from those around them."""

from typing import Any

from torch import nn

from sweepformer.config.kinds import KINDS
from sweepformer.data.batches import Batch
from sweepformer.data.tokenizer import mask_id, special_ids
from sweepformer.errors import UserError
from sweepformer.tasks.language_modeling import TokenPrediction
from sweepformer.tasks.questions import Masking, Question
from sweepformer.tasks.task import Targets


class MaskedLM(TokenPrediction):
    """Trains a model to fill gaps (Devlin et al. 2019, BERT); other tokens are hidden in every epoch.

    In validation and test the same tokens are hidden each time, so that epochs and runs of one seed compare.

    Args:
        targets: with the tokenizer.
        rate: share of a row's tokens that are asked for, at least one.
        masked, random: of these, the share that the model reads a mask for, and that it reads any other token for; the
            rest it reads as they are. 1 and 0: always a mask.
        **parts: as `TokenPrediction`.
    """

    kind = KINDS["MaskedLM"]
    causal = False

    def __init__(
        self,
        targets: Targets,
        model: nn.Module,
        rate: float = 0.15,
        masked: float = 0.8,
        random: float = 0.1,
        **parts: Any,
    ) -> None:
        super().__init__(targets=targets, model=model, **parts)
        tokenizer = targets.tokenizer
        assert tokenizer is not None
        mask = mask_id(tokenizer)
        if mask is None:
            raise UserError(
                "task=masked_lm hides tokens behind a mask, and this tokenizer has none ([MASK] or <mask>). "
                "Choose another tokenizer (all but tokenizer=pretrained have one), or task=language_modeling."
            )
        self.masking = Masking(mask, special_ids(tokenizer), self.vocab_size, targets.seed, rate, masked, random)
        self.answers_per_batch = max(rate * targets.tokens_per_batch, targets.rows_per_batch)

    def ask(self, batch: Batch, epoch: int | None) -> Question:
        return self.masking(batch, epoch)
