"""Each token from those before it."""

import torch
from torch import Tensor

from sweepformer.data.batches import Batch
from sweepformer.models.layout import Packed
from sweepformer.tasks.kinds import KINDS
from sweepformer.tasks.task import Targets
from sweepformer.tasks.token_prediction import Question, TokenPrediction


class LanguageModeling(TokenPrediction):
    """Trains a model to continue texts (Bengio et al. 2003; with a look-ahead mask, Vaswani et al. 2017).

    A row's first token has none before it and is not asked for; padding is neither read nor asked for.
    """

    kind = KINDS["LanguageModeling"]
    causal = True

    @staticmethod
    def expected_answers(targets: Targets) -> float:
        return max(targets.tokens_per_batch - targets.rows_per_batch, 1.0)

    def ask(self, batch: Batch, epoch: int | None) -> Question:
        """The same in every epoch: position i is asked for the token at i + 1."""
        assert not isinstance(batch.layout, Packed), "packed rows can't be causal"
        followed = _is_followed(batch.token_ids, batch.layout)
        answers = batch.token_ids[:, 1:][followed[:, :-1]]
        return Question(batch.token_ids, followed, answers, followed.nonzero()[:, 0])


def _is_followed(token_ids: Tensor, padding: Tensor | None) -> Tensor:
    """(batch, length) bool: where another token of the row comes next."""
    followed = torch.zeros_like(token_ids, dtype=torch.bool)
    followed[:, :-1] = True if padding is None else ~padding[:, 1:]
    return followed
