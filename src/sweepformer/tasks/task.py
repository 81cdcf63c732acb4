"""What all tasks share: how a step is counted and logged, evaluated, optimised and saved."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import Metric

from sweepformer.config.kinds import Kind
from sweepformer.data.batches import Batch
from sweepformer.lightning_internals import connected
from sweepformer.models.layout import Layout
from sweepformer.tasks.answers import Answers, Kept, row_logits
from sweepformer.tasks.each_process import of_each, of_this
from sweepformer.tasks.step_sums import StepSums
from sweepformer.tasks.steps import Steps

TRAINING_METRICS = ("train_", "val_")  # how the metrics begin that belong to the weights of one moment


@dataclass(frozen=True)
class Targets:
    """What a task knows of the training rows before it is built.

    classes: names of classes or tags; labels: of all training rows, as in `TokenizedRows`; rows_per_batch,
    tokens_per_batch: means over an epoch, after truncation; tokenizer: what made tokens of texts; seed: the run's.
    """

    classes: list[str]
    labels: np.ndarray
    rows_per_batch: float
    tokens_per_batch: float
    tokenizer: Tokenizer | None = None
    seed: int = 0


class Learned(NamedTuple):
    """What one batch teaches, in scalars.

    loss: summed over what was to be answered, with its gradient; answers: how many that were; correct: how many of
    them were right, None where that means nothing.
    """

    loss: Tensor
    answers: Tensor | int
    correct: Tensor | None = None


class Task(Steps, ABC):
    """Trains a model.

    A task says what `kind` it is, what a batch teaches (`learn`), what its answers are measured by (`metrics`), and
    what logits stand for (`answers`), and with that what goes into `predictions.parquet`. All of these but `learn`
    serve models without gradients too: they go by what a model answered.

    Args:
        model: called with token ids (batch, length) int64 and a padding mask (batch, length) bool or None (with
            model.attention=varlen as packed rows); returns logits.
        make_optimizer: given the model, returns its optimizer.
        make_schedule: given the optimizer, returns Lightning's scheduler dict.
        saved: plain data that every checkpoint carries, so that it can be used without the run's directory.
    """

    kind: ClassVar[Kind]

    def __init__(
        self,
        model: nn.Module,
        make_optimizer: Callable[[nn.Module], Optimizer],
        make_schedule: Callable[[Optimizer], dict[str, Any]],
        targets: Targets,
        saved: dict[str, Any] | None = None,
        auto_micro_batch: bool = False,
    ) -> None:
        super().__init__(auto_micro_batch)
        self.model = model
        self.make_optimizer, self.make_schedule = make_optimizer, make_schedule
        # The summed loss is divided by a constant and not by the batch's own number of answers, so that each answer
        # weighs the same although batches of short rows hold more of them: by their mean number in a training batch.
        self.answers_per_batch = targets.rows_per_batch
        self.saved = saved or {}
        self.measured = nn.ModuleDict(
            {"val_metrics": self.metrics(targets.classes), "test_metrics": self.test_metrics(targets.classes)}
        )
        self._sums = StepSums()

    @staticmethod
    @abstractmethod
    def metrics(classes: list[str]) -> nn.ModuleDict:
        """A metric by name, "loss" and those of `kind`, each updated by `measure`."""

    @classmethod
    def test_metrics(cls, classes: list[str]) -> nn.ModuleDict:
        """The same of the test split, and what validation, where something was fitted to it, can't tell."""
        return cls.metrics(classes)

    @abstractmethod
    def learn(self, batch: Batch) -> Learned:
        """The loss of a training batch."""

    def choose(self, logits: Tensor, labels: Tensor) -> None:
        """Choose what is chosen by the answers to the whole validation split, such as thresholds; kept in buffers."""

    def wanted(self, labels: Tensor) -> Tensor:
        """What a model is to answer, as `learn` and `measure` have it in a batch, from labels as in `TokenizedRows`."""
        return labels

    @abstractmethod
    def measure(self, metrics: dict[str, Metric], logits: Tensor, labels: Tensor) -> None:
        """Update the metrics by what the model said of a batch, logits float32; labels: as `wanted` returns them."""

    @property
    def answers(self) -> Answers | None:
        """What logits stand for, as far as the task has learned it; None: no labels."""
        return None

    def answer(self, logits: Tensor, labels: Tensor) -> Kept:
        """What is kept of the answers to a batch of the test split: tensors or lists with an item for each row."""
        return {"labels": labels, **self.answers.of(logits)} if self.answers else {}

    def prediction_columns(self, kept: Kept, classes: list[str]) -> dict[str, Any]:
        """Columns of `predictions.parquet` from all that `answer` kept, as arrays or lists in the order of the rows:
        label, prediction and what else `answers` say."""
        answers = self.answers
        return {"label": answers.named(kept["labels"], classes), **answers.columns(kept, classes)} if answers else {}

    def confusion(self, kept: Kept) -> tuple[np.ndarray, np.ndarray] | None:
        """True and predicted class numbers, (answers,) each, for a confusion matrix; None where there is none."""
        return None

    def pictures(self, kept: Kept, classes: list[str]) -> dict[str, np.ndarray]:
        """Other pictures of the answers by name, (height, width, 3) uint8."""
        return {}

    def forward(self, token_ids: Tensor, layout: Layout = None) -> Tensor:
        return self.model(token_ids, layout)

    def logits_of(self, batch: Batch) -> Tensor:
        """The model's logits for a batch; of rows that are read in several windows the windows' mean, (batch, ...)."""
        return row_logits(self(batch.token_ids, batch.layout), batch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss, sums = self.learn_in_parts(self._loss_and_sums, batch, batch_idx)
        self._sums.add(sums)
        return loss

    def _loss_and_sums(self, batch: Batch) -> tuple[Tensor, Tensor]:
        loss, answers, correct = self.learn(batch)
        counted = torch.as_tensor(answers, dtype=torch.float32, device=loss.device)
        right = torch.zeros_like(counted) if correct is None else correct.float()
        return loss / self.answers_per_batch, torch.stack([loss.detach().float(), right, counted])

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        return batch._replace(labels=self.wanted(batch.labels))  # on the CPU: not every device has double precision

    def on_train_epoch_start(self) -> None:
        self._sums.restart()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        step = self.trainer.global_step
        every = connected(self.trainer).log_every_n_steps
        if step % every == 0 and (batch_idx + 1) % self.trainer.accumulate_grad_batches == 0:
            loss, _, answers = self._sums.since_asked()
            for logger in self.trainer.loggers if answers else ():  # hidden tokens are drawn: there may be none
                logger.log_metrics({"train_loss_step": loss / answers}, step=step)

    def recent_loss(self) -> float:
        """Mean loss of the answers since it was last logged, NaN if there are none; this waits for the device."""
        loss, _, answers = self._sums.recent
        return loss / answers if answers else math.nan

    def on_train_epoch_end(self) -> None:
        loss, correct, answers = self._sums.of_epoch
        if self._sums.batches:
            answers = answers or math.nan
            accuracy = {"train_acc": correct / answers} if "acc" in self.kind.metrics else {}
            self.log_dict({"train_loss": loss / answers, **accuracy}, sync_dist=self.trainer.world_size > 1)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.evaluate("val", batch)

    def on_validation_epoch_end(self) -> None:
        self._log_metrics("val", prog_bar=True)

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        logits = self.evaluate("test", batch)
        return {"rows": batch.rows, **self.answer(logits, self.labels_of(batch))}

    def labels_of(self, batch: Batch) -> Tensor:
        """What is kept of a batch of the test split to be written beside the answers."""
        return batch.labels

    def on_test_epoch_end(self) -> None:
        self._log_metrics("test")

    def evaluate(self, split: str, batch: Batch) -> Tensor:
        """Measure the answers to a batch; returns the logits, float32."""
        logits = torch.cat(self.in_parts(self.logits_of, batch)).float()
        self.measure(self._metrics_of(split), logits, batch.labels)
        return logits

    def _metrics_of(self, split: str) -> dict[str, Metric]:
        return cast("dict[str, Metric]", self.measured[f"{split}_metrics"])

    def _log_metrics(self, split: str, prog_bar: bool = False) -> None:
        for name, metric in self._metrics_of(split).items():
            # Computed here, so that the value is the whole split's over all processes.
            self.log(f"{split}_{name}", metric.compute(), prog_bar=prog_bar, rank_zero_only=False)
            metric.reset()

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer(self.model)
        return {"optimizer": optimizer, "lr_scheduler": self.make_schedule(optimizer)}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        metrics = self.trainer.callback_metrics.items()
        of_training = {name: float(value) for name, value in metrics if name.startswith(TRAINING_METRICS)}
        checkpoint["sweepformer"] = {**self.saved, "metrics": of_training}
        # A run that is resumed within an epoch ends it with the means of the whole epoch.
        checkpoint["epoch_so_far"] = of_each(self._sums.state())

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self._sums.load(of_this(checkpoint["epoch_so_far"]))

    def on_train_start(self) -> None:
        self._sums.to(self.device)
