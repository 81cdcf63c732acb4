"""One tag a word (names, parts of speech, slots), and the F1 of tags and spans."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from seqscore.scoring import ClassificationScore, score_sequence_mentions
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchmetrics import MeanMetric, Metric

from sweepformer.config.kinds import KINDS
from sweepformer.data.batches import Batch
from sweepformer.data.encoding import NO_TAG, further_piece
from sweepformer.data.spans import OUTSIDE, scheme_of, spans_of
from sweepformer.tasks.answers import Kept, TagAnswers, by_row, predicted_tags, word_logits
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
    """

    kind = KINDS["Tagging"]

    def __init__(
        self, targets: Targets, label_pieces: str = "first", label_smoothing: float = 0.0, **parts: Any
    ) -> None:
        super().__init__(targets=targets, **parts)
        self.label_pieces, self.label_smoothing = label_pieces, label_smoothing
        asked = targets.labels != NO_TAG if label_pieces == "all" else targets.labels >= 0
        self.answers_per_batch = targets.tokens_per_batch * float(asked.mean())

    @staticmethod
    def metrics(classes: list[str]) -> nn.ModuleDict:
        f1 = SpanF1(classes) if scheme_of(classes) else TagF1(len(classes))
        return nn.ModuleDict({"loss": MeanMetric(), "acc": MeanMetric(), "f1": f1})

    @property
    def answers(self) -> TagAnswers:
        return TagAnswers()

    def learn(self, batch: Batch) -> Learned:
        logits = self(batch.token_ids, batch.layout).flatten(0, -2)
        labels = batch.labels.flatten()
        further = further_piece(labels) if self.label_pieces == "all" else torch.full_like(labels, NO_TAG)
        wanted = torch.where(labels < NO_TAG, further, labels)
        loss = cross_entropy(logits, wanted, ignore_index=NO_TAG, label_smoothing=self.label_smoothing, reduction="sum")
        return Learned(loss, (wanted != NO_TAG).sum(), (logits.detach().argmax(1) == wanted).sum())

    def evaluate(self, split: str, batch: Batch) -> Tensor:
        """As `Task.evaluate`; the logits are of words, -inf where there is no answer."""
        assert batch.words is not None
        logits = word_logits(torch.cat(self.in_parts(self._logits_of_tokens, batch)), batch.words)
        self.measure(self._metrics_of(split), logits, self.labels_of(batch))
        return logits

    def labels_of(self, batch: Batch) -> Tensor:
        """(words, 2) int64, as `TokenizedRows.answers`, rows counted in the batch."""
        assert batch.words is not None
        return torch.stack([batch.words.tags, batch.words.rows], 1)

    def _logits_of_tokens(self, batch: Batch) -> Tensor:
        """(positions, tags) float32, padding among them."""
        return self(batch.token_ids, batch.layout).float().flatten(0, -2)

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
        return {"labels": by_row(tags, rows), **self.answers.of(logits, rows)}

    def confusion(self, kept: Kept) -> tuple[np.ndarray, np.ndarray] | None:
        """Of the words that have an answer."""
        labels, predictions = np.concatenate(kept["labels"]), np.concatenate(kept["predictions"])
        answered = predictions != NO_TAG
        return labels[answered], predictions[answered]


class TagF1(Metric):
    """Mean F1 of all tags that occur or are predicted (macro), over all words of a split and all processes."""

    right: Tensor
    predicted: Tensor
    true: Tensor

    def __init__(self, tags: int, **options: Any) -> None:
        super().__init__(**options)
        self.tags = tags
        for name in ("right", "predicted", "true"):
            self.add_state(name, torch.zeros(tags, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, predicted: Tensor, true: Tensor, rows: Tensor) -> None:
        """Each (words,) int64: predicted tags, NO_TAG where there is no answer; true tags; the words' rows."""
        self.right += torch.bincount(true[predicted == true], minlength=self.tags)
        self.predicted += torch.bincount(predicted[predicted != NO_TAG], minlength=self.tags)
        self.true += torch.bincount(true, minlength=self.tags)

    def compute(self) -> Tensor:
        """F1 = 2 right / (predicted + true), 0 if there is nothing to predict."""
        total = self.predicted + self.true
        scores = 2 * self.right[total > 0] / total[total > 0]
        return scores.mean() if len(scores) else torch.zeros((), device=total.device)


class SpanF1(TagF1):
    """F1 of spans with exactly the right place and type, all types together (micro), as in CoNLL 2003.

    Found, repaired and counted by SeqScore (Palen-Michel et al. 2021). A word without an answer belongs to no span.
    """

    def __init__(self, names: Sequence[str], **options: Any) -> None:
        super().__init__(1, **options)
        self.names = [*names, OUTSIDE]  # the last for NO_TAG

    def update(self, predicted: Tensor, true: Tensor, rows: Tensor) -> None:
        lengths = torch.bincount(rows).tolist()
        score = ClassificationScore()
        for answers, truth in zip(*(column.cpu().split(lengths) for column in (predicted, true)), strict=True):
            spans = (spans_of([self.names[tag] for tag in tags.tolist()]) for tags in (answers, truth))
            score_sequence_mentions(*spans, score)
        self.right += score.true_pos
        self.predicted += score.total_pos
        self.true += score.total_ref
