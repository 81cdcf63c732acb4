"""One tag a word: names, parts of speech, slots."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchmetrics import MeanMetric, Metric

from sweepformer.config.kinds import KINDS
from sweepformer.data.batches import Batch
from sweepformer.data.encoding import NO_TAG, further_piece
from sweepformer.tasks.answers import Kept, TagAnswers, by_row, names_of_tags, predicted_tags
from sweepformer.tasks.logits import word_logits
from sweepformer.tasks.scores import f1_of
from sweepformer.tasks.task import Learned, Targets, Task


class Tagging(Task):
    """Trains a model to tag words; its logits are of tokens, (batch, length, tags), or (tokens, tags) if packed.

    A word is tagged where its first token stands, as Devlin et al. 2019 do (BERT, section 5.3). The metrics are over
    all words, those that `model.max_length` cuts off included: they have no answer, which is a wrong one, so that a
    short `max_length` cannot look better than it is. Only the loss leaves them out.

    Args:
        targets: labels are of tokens, as in `TokenizedRows` with `tagged`.
        label_pieces: which tokens of a word the loss asks for its tag: the "first", or "all".
        label_smoothing: share of the target that is spread over all tags (Szegedy et al. 2016).
        **parts: as `Task`.
    """

    kind = KINDS["Tagging"]

    def __init__(
        self, targets: Targets, label_pieces: str = "first", label_smoothing: float = 0.0, **parts: Any
    ) -> None:
        super().__init__(targets=targets, **parts)
        self.label_pieces, self.label_smoothing = label_pieces, label_smoothing
        if label_pieces == "all":
            self.answers_per_batch = targets.tokens_per_batch * float((targets.labels != NO_TAG).mean())

    @staticmethod
    def expected_answers(targets: Targets) -> float:
        """Words."""
        return targets.tokens_per_batch * float((targets.labels >= 0).mean())

    @staticmethod
    def metrics(classes: list[str]) -> nn.ModuleDict:
        return nn.ModuleDict({"loss": MeanMetric(), "acc": MeanMetric(), "f1": f1_of(classes)})

    def learn(self, batch: Batch) -> Learned:
        logits = self(batch.token_ids, batch.layout).flatten(0, -2)
        labels = batch.labels.flatten()
        further = further_piece(labels) if self.label_pieces == "all" else torch.full_like(labels, NO_TAG)
        wanted = torch.where(labels < NO_TAG, further, labels)
        loss = cross_entropy(logits, wanted, ignore_index=NO_TAG, label_smoothing=self.label_smoothing, reduction="sum")
        return Learned(loss, (wanted != NO_TAG).sum(), (logits.detach().argmax(1) == wanted).sum())

    def evaluate(self, split: str, batch: Batch) -> Tensor:
        """Measure the answers to a batch; returns the logits of its words, float32, -inf where there is no answer."""
        assert batch.words is not None
        of_tokens = torch.cat(self.in_parts(self._logits_of_tokens, batch))
        logits = word_logits(of_tokens, batch.words)
        self.measure(self._metrics_of(split), logits, _answers(batch))
        return logits

    def _logits_of_tokens(self, batch: Batch) -> Tensor:
        """(positions, tags) float32, padding among them."""
        return self(batch.token_ids, batch.layout).float().flatten(0, -2)

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        logits = self.evaluate("test", batch)
        return {"rows": batch.rows, **self.answer(logits, _answers(batch))}

    def measure(self, metrics: dict[str, Metric], logits: Tensor, labels: Tensor) -> None:
        """logits: (words, tags), -inf where there is no answer; labels: (words, 2), as `TokenizedRows.answers`."""
        tags, rows = labels.unbind(1)
        predicted = predicted_tags(logits)
        answered = predicted != NO_TAG
        if answered.any():
            metrics["loss"].update(cross_entropy(logits[answered], tags[answered]), weight=int(answered.sum()))
        metrics["acc"].update((predicted == tags).float())
        metrics["f1"].update(predicted, tags, rows)

    def answer(self, logits: Tensor, labels: Tensor) -> Kept:
        """The rows' true and predicted tags, an array a row, NO_TAG where there is no answer."""
        tags, rows = labels.unbind(1)
        return {"labels": by_row(tags, rows), **TagAnswers().of(logits, rows)}

    def prediction_columns(self, kept: Kept, classes: list[str]) -> dict[str, Any]:
        """label, a list of strings a row, and as `TagAnswers`."""
        return {"label": names_of_tags(kept["labels"], classes), **TagAnswers().columns(kept, classes)}

    def confusion(self, kept: dict[str, Any]) -> tuple[np.ndarray, np.ndarray] | None:
        """Of the words that have an answer."""
        labels, predictions = np.concatenate(kept["labels"]), np.concatenate(kept["predictions"])
        answered = predictions != NO_TAG
        return labels[answered], predictions[answered]


def _answers(batch: Batch) -> Tensor:
    """(words, 2) int64, as `TokenizedRows.answers`, rows counted in the batch."""
    assert batch.words is not None
    return torch.stack([batch.words.tags, batch.words.rows], 1)
