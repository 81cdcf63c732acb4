"""Which token stands where: language modelling, and what it shares with masked language modelling."""

import inspect
from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchmetrics import MeanMetric, Metric

from sweepformer.config.kinds import KINDS
from sweepformer.data.batches import Batch
from sweepformer.data.tokenizer import vocab_size
from sweepformer.errors import UserError
from sweepformer.tasks.questions import Question, in_parts, next_tokens, row_sums
from sweepformer.tasks.task import Learned, Targets, Task


class Perplexity(MeanMetric):
    """e to the mean loss of all answers: among how many tokens the model is as good as undecided."""

    def compute(self) -> Tensor:
        return super().compute().exp()


class TokenPrediction(Task):
    """Trains a model to say which tokens stand where; logits are (chosen, vocabulary).

    A kind of it says what is asked (`ask`), and whether a position may see those after it (`causal`). Arguments are as
    of `Task`, targets with the tokenizer; of the model is asked what `Transformer` does with predicts="vocabulary".
    """

    causal: ClassVar[bool]

    def __init__(self, targets: Targets, model: nn.Module, **parts: Any) -> None:
        super().__init__(targets=targets, model=model, **parts)
        assert targets.tokenizer is not None
        if "chosen" not in inspect.signature(model.forward).parameters:
            raise UserError(
                f"model: {type(model).__name__} can't say which token stands where, which this task asks of it. "
                "Choose a transformer, such as model=small."
            )
        self.vocab_size = vocab_size(targets.tokenizer)

    @abstractmethod
    def ask(self, batch: Batch, epoch: int | None) -> Question:
        """What is asked of a batch in an epoch of training, or, with None, whenever it is evaluated."""

    @staticmethod
    def metrics(classes: list[str]) -> nn.ModuleDict:
        return nn.ModuleDict({"loss": MeanMetric(), "perplexity": Perplexity(), "acc": MeanMetric()})

    def learn(self, batch: Batch) -> Learned:
        question = self.ask(batch, self.current_epoch)
        logits = self._logits(question, batch)
        loss = cross_entropy(logits, question.answers, reduction="sum")
        return Learned(loss, len(question.answers), (logits.detach().argmax(1) == question.answers).sum())

    def measure(self, metrics: dict[str, Metric], logits: Tensor, labels: Tensor) -> None:
        """logits: (answers, vocabulary) float32; labels: (answers,) int64."""
        _note(metrics, cross_entropy(logits, labels, reduction="none"), logits.argmax(1) == labels)

    def evaluate(self, split: str, batch: Batch) -> Tensor:
        """Measure the answers to a batch; returns each row's summed loss and its answers, (batch, 2) float32."""
        parts = in_parts(batch, self.vocab_size)
        found = [answered for part in parts for answered in self.in_parts(self._answered, part)]
        for losses, right, _ in found:
            _note(self._metrics_of(split), losses, right)
        return torch.cat([rows for _, _, rows in found])

    def _answered(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Of every answer its loss and whether it is right, and of every row the summed loss and how many they are."""
        question = self.ask(batch, epoch=None)
        logits = self._logits(question, batch).float()
        losses = cross_entropy(logits, question.answers, reduction="none")
        return losses, logits.argmax(1) == question.answers, row_sums(losses, question, len(batch.rows))

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        losses, answers = self.evaluate("test", batch).unbind(1)
        return {"rows": batch.rows, "loss": losses / answers, "tokens": answers.long()}

    def prediction_columns(self, kept: dict[str, Any], classes: list[str]) -> dict[str, Any]:
        """loss (float32, the mean of a row's answers, NaN where there is none) and tokens (how many were asked for)."""
        return kept

    def _logits(self, question: Question, batch: Batch) -> Tensor:
        return self.model(question.token_ids, batch.layout, causal=self.causal, chosen=question.chosen)


class LanguageModeling(TokenPrediction):
    """Trains a model to continue texts (Bengio et al. 2003; with a look-ahead mask, Vaswani et al. 2017).

    A row's first token has none before it and is not asked for; padding is neither read nor asked for.
    """

    kind = KINDS["LanguageModeling"]
    causal = True

    def __init__(self, targets: Targets, model: nn.Module, **parts: Any) -> None:
        super().__init__(targets, model, **parts)
        self.answers_per_batch = max(targets.tokens_per_batch - targets.rows_per_batch, 1.0)

    def ask(self, batch: Batch, epoch: int | None) -> Question:
        """The same in every epoch: position i is asked for the token at i + 1."""
        return next_tokens(batch)


def _note(metrics: dict[str, Metric], losses: Tensor, right: Tensor) -> None:
    if len(losses):  # rows of a single token may ask nothing
        metrics["loss"].update(losses)
        metrics["perplexity"].update(losses)
        metrics["acc"].update(right.float())
