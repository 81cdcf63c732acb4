"""One class a row: losses, and how much each class counts in them; and what is fitted on validation."""

import inspect
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, one_hot
from torchmetrics import MeanMetric, Metric
from torchmetrics.classification import MulticlassAccuracy, MulticlassCalibrationError, MulticlassF1Score

from sweepformer.config.kinds import KINDS
from sweepformer.data.batches import Batch
from sweepformer.data.cells import spelled
from sweepformer.errors import UserError, hint, listed
from sweepformer.models.torch_internals import not_sent_by_ddp
from sweepformer.models.transformer import Mixing
from sweepformer.models.wide import WidePath
from sweepformer.tasks.answers import ClassAnswers, Kept, row_logits
from sweepformer.tasks.fitted_on_validation import UNSCALED, FittedOnValidation, best_ensemble_weights, best_temperature
from sweepformer.tasks.task import Learned, Targets


class Classification(FittedOnValidation):
    """Trains a model to name the class of a row; logits are (batch, classes).

    Probabilities are as large as they are often right: the temperature that logits are divided by for them is fitted
    at the end of every validation, on all of its rows, and saved with the weights. The losses are of plain logits. How
    far a wide path beside the model's encoder counts is fitted just before, alike.

    Args:
        targets: labels are class numbers, (rows,) int64.
        label_smoothing: share of the target that is spread over all classes (Szegedy et al. 2016).
        class_weights: "none", "balanced", or numbers by class; see `weights_of_classes`.
        focal_gamma: exponent of the focal loss (Lin et al. 2017); 0: cross entropy.
        r_drop: weight of the disagreement between two passes with different dropout (Liang et al. 2021, alpha);
            0: one pass. The paper's loss, halved: a step is as long as with one pass.
        mixup: rows are mixed with each other by shares from Beta(mixup, mixup), and their targets alike (Zhang et al.
            2018); 0: they aren't. Vectors of whole rows are what is mixed, which the model must do (Sun et al. 2020).

    Raises:
        ValueError: the model can't mix rows.
    """

    kind = KINDS["Classification"]
    temperature: Tensor

    def __init__(
        self,
        targets: Targets,
        label_smoothing: float = 0.0,
        class_weights: str | dict[str, float] = "none",
        focal_gamma: float = 0.0,
        r_drop: float = 0.0,
        mixup: float = 0.0,
        **parts: Any,
    ) -> None:
        super().__init__(targets=targets, **parts)
        self.classes = len(targets.classes)
        self.label_smoothing, self.focal_gamma, self.r_drop, self.mixup = label_smoothing, focal_gamma, r_drop, mixup
        self.register_buffer("temperature", torch.tensor(UNSCALED))
        self.class_weights: Tensor | None
        weights = weights_of_classes(class_weights, targets.classes, targets.labels)
        self.register_buffer("class_weights", weights, persistent=False)
        if self._wide is not None:
            # Large, and the same in every process: DDP need not send them before each step.
            not_sent_by_ddp(self, (f"model.wide.{name}" for name, _ in self._wide.named_buffers()))
        if mixup and "mixing" not in inspect.signature(self.model.forward).parameters:
            raise ValueError(f"task.mixup={mixup} needs a model that mixes rows, whose forward takes `mixing`")

    @staticmethod
    def metrics(classes: list[str]) -> nn.ModuleDict:
        accuracy = MulticlassAccuracy(len(classes), average="micro", validate_args=False)
        f1 = MulticlassF1Score(len(classes), average="macro", validate_args=False)
        return nn.ModuleDict({"loss": MeanMetric(), "acc": accuracy, "f1": f1})

    @classmethod
    def test_metrics(cls, classes: list[str]) -> nn.ModuleDict:
        """Also the expected calibration error in 15 bins (Guo et al. 2017), with the temperature and without."""
        errors = {name: MulticlassCalibrationError(len(classes), validate_args=False) for name in ("ece", "ece_raw")}
        return nn.ModuleDict({**cls.metrics(classes), **errors})

    @property
    def answers(self) -> ClassAnswers:
        return ClassAnswers(self.temperature)

    def learn(self, batch: Batch) -> Learned:
        mixing = Mixing.drawn(len(batch.labels), self.mixup, batch.labels.device) if self.mixup else None
        targets = batch.labels if mixing is None else mixing.of(one_hot(batch.labels, self.classes).float())
        logits = self._logits(batch, mixing)
        counted = (targets, self.class_weights, self.label_smoothing, self.focal_gamma)
        loss = class_loss(logits, *counted)
        if self.r_drop:
            again = self._logits(batch, mixing)
            loss = (loss + class_loss(again, *counted) + self.r_drop * disagreement(logits, again)) / 2
        wanted = batch.labels if mixing is None else targets.argmax(1)
        return Learned(loss, len(batch.labels), (logits.detach().argmax(1) == wanted).sum())

    def _logits(self, batch: Batch, mixing: Mixing | None) -> Tensor:
        return self.logits_of(batch) if mixing is None else self.model(batch.token_ids, batch.layout, mixing=mixing)

    def measure(self, metrics: dict[str, Metric], logits: Tensor, labels: Tensor) -> None:
        loss = cross_entropy(logits, labels)  # unweighted and unsmoothed: comparable across runs
        metrics["loss"].update(loss, weight=len(labels))
        metrics["acc"].update(logits, labels)
        metrics["f1"].update(logits, labels)
        if "ece" in metrics:
            metrics["ece"].update((logits / self.temperature).softmax(1), labels)
            metrics["ece_raw"].update(logits.softmax(1), labels)

    def said_of(self, batch: Batch) -> Tensor:
        if self._wide is None:
            return self.logits_of(batch)
        return row_logits(self.model(batch.token_ids, batch.layout, apart=True), batch)

    def logits_from(self, said: Tensor, labels: Tensor) -> Tensor:
        if self._wide is None:
            return said
        deep, wide = said.chunk(2, dim=1)
        fitted = best_ensemble_weights(deep.cpu().numpy(), wide.cpu().numpy(), labels.cpu().numpy())
        self._wide.ensemble_weights.copy_(torch.tensor(fitted))
        return self._wide.pooled(deep, wide)

    def choose(self, logits: Tensor, labels: Tensor) -> None:
        self.temperature.fill_(best_temperature(logits.cpu().numpy(), labels.cpu().numpy()))

    def confusion(self, kept: Kept) -> tuple[np.ndarray, np.ndarray] | None:
        return kept["labels"], self.answers.predicted(kept)

    @property
    def _wide(self) -> WidePath | None:
        return getattr(self.model, "wide", None)


def weights_of_classes(given: str | dict[str, float], classes: list[str], labels: np.ndarray) -> Tensor | None:
    """Weights of the classes, (classes,) float32; None: all count alike.

    Args:
        given: "none"; "balanced": inverse to the classes' frequency, 1 on the mean over rows (King and Zeng 2001);
            or numbers by a class's name, 1 for those that have none.
        labels: class numbers of the training rows, (rows,) int64.

    Raises:
        UserError: there is no class of a name.
    """
    if given == "none":
        return None
    if isinstance(given, str):
        counts = torch.bincount(torch.from_numpy(labels), minlength=len(classes)).float()
        return counts.sum() / (len(counts) * counts.clamp(min=1))
    weights = torch.ones(len(classes))
    for name, weight in given.items():
        # As YAML and Hydra spell what they take for true, null or a number; `1e3` is then 1000.0.
        same = [one for one in classes if one == str(name)] or [one for one in classes if _means(one, str(name))]
        if not same:
            meant = hint(name, classes)
            raise UserError(f"task.class_weights: there is no class {name}.{meant} There are: {listed(classes)}.")
        weights[[classes.index(one) for one in same]] = weight
    return weights


def _means(label: str, name: str) -> bool:
    """Whether a label and a class that a config names are two spellings of one value."""
    if spelled(label) == spelled(name):
        return True
    try:
        return "." in name and float(label) == float(name)
    except ValueError:
        return False


def class_loss(
    logits: Tensor, targets: Tensor, weights: Tensor | None = None, smoothing: float = 0.0, gamma: float = 0.0
) -> Tensor:
    """Cross entropy summed over rows, a scalar.

    With `gamma` it is the focal loss (Lin et al. 2017, section 3), in which a class counts the less the surer the
    model is of it: sum of targets * weights * (1 - p)^gamma * -log p over classes, so that smoothed and mixed targets
    have a focal loss too.

    Args:
        logits: (rows, classes) float.
        targets: class numbers, (rows,) int64, or what each class should be given, (rows, classes) float.
        weights: of classes, (classes,) float; None: all count alike.
        smoothing: share of the targets that is spread over all classes (Szegedy et al. 2016, section 7).
        gamma: 0: plain cross entropy; 2 is the authors' choice.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # 16 bits are too few for sums of logarithms
    targets = targets.to(logits.dtype) if targets.is_floating_point() else targets
    weights = None if weights is None else weights.to(logits.dtype)
    if not gamma:
        return cross_entropy(logits, targets, weights, label_smoothing=smoothing, reduction="sum")
    log_p = logits.log_softmax(1)
    if not targets.is_floating_point():
        targets = one_hot(targets, logits.shape[1]).to(logits.dtype)
    targets = (1 - smoothing) * targets + smoothing / logits.shape[1]
    # Not quite zero, where a power below 1 has no gradient.
    unsure = (-log_p.expm1()).clamp(min=torch.finfo(log_p.dtype).eps)
    losses = -targets * unsure**gamma * log_p
    return (losses if weights is None else losses * weights).sum()


def disagreement(one: Tensor, other: Tensor) -> Tensor:
    """How far two passes over the same rows differ: KL divergence both ways, halved, summed over rows, a scalar.

    The regulariser of R-Drop (Liang et al. 2021, equation 2). one, other: logits, (rows, classes) float.
    """
    p, q = one.float().log_softmax(1), other.float().log_softmax(1)
    return (kl_div(p, q, reduction="sum", log_target=True) + kl_div(q, p, reduction="sum", log_target=True)) / 2
