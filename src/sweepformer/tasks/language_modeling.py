"""Each token from those before it."""

from sweepformer.config.kinds import KINDS
from sweepformer.data.batches import Batch
from sweepformer.tasks.questions import Question, next_tokens
from sweepformer.tasks.task import Targets
from sweepformer.tasks.token_prediction import TokenPrediction


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
        return next_tokens(batch)
