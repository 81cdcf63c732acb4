"""One number a row, and how far answers and numbers go together."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import rankdata
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanMetric, Metric
from torchmetrics.utilities import dim_zero_cat

from sweepformer.config.kinds import KINDS
from sweepformer.data.batches import Batch
from sweepformer.data.labels import mean_and_scale
from sweepformer.tasks.answers import Kept, NumberAnswers
from sweepformer.tasks.task import Learned, Targets, Task

LOSSES: dict[str, Callable[..., Tensor]] = {"mse": F.mse_loss, "huber": F.huber_loss, "mae": F.l1_loss}


class Regression(Task):
    """Trains a model to tell the number of a row; logits are (batch, 1), in standard deviations from the mean.

    Mean and standard deviation are those of the training rows; they are saved with the weights. The loss is taken of
    standardised numbers too, so that learning rates don't depend on the unit. Answers and `mae` are in the user's.
    Numbers are standardised in double precision: those that differ little for their size, such as dates in seconds,
    would be alike in single precision.

    Args:
        targets: labels are (rows,) float64, not all the same.
        loss: "mse"; "mae", which outliers move less; or "huber" (Huber 1964): squared up to one standard deviation,
            absolute beyond. `val_loss` and `test_loss` are the squared error whatever it is: runs can be compared.
    """

    kind = KINDS["Regression"]

    def __init__(self, targets: Targets, loss: str = "mse", **parts: Any) -> None:
        super().__init__(targets=targets, **parts)
        if loss not in LOSSES:
            raise ValueError(f"loss={loss!r} is not one of {', '.join(LOSSES)}")
        self.loss = LOSSES[loss]
        self.mean, self.scale = mean_and_scale(targets.labels)

    def get_extra_state(self) -> dict[str, float]:
        """What is saved with the weights. No tensors: they would go to the device, which may not have doubles."""
        return {"mean": self.mean, "scale": self.scale}

    def set_extra_state(self, state: dict[str, float]) -> None:
        self.mean, self.scale = state["mean"], state["scale"]

    def wanted(self, labels: Tensor) -> Tensor:
        """(rows,) float32, in standard deviations from the mean."""
        return ((labels.double() - self.mean) / self.scale).float()

    @staticmethod
    def metrics(classes: list[str]) -> nn.ModuleDict:
        correlations = {"pearson": Correlation(ranked=False), "spearman": Correlation(ranked=True)}
        return nn.ModuleDict({"loss": MeanMetric(), "mae": MeanAbsoluteError(), **correlations})

    @property
    def answers(self) -> NumberAnswers:
        return NumberAnswers(self.mean, self.scale)

    def learn(self, batch: Batch) -> Learned:
        answers = self.logits_of(batch)[:, 0].float()
        return Learned(self.loss(answers, batch.labels, reduction="sum"), len(answers))

    def measure(self, metrics: dict[str, Metric], logits: Tensor, labels: Tensor) -> None:
        answers = logits[:, 0]
        metrics["loss"].update(F.mse_loss(answers, labels), weight=len(labels))
        metrics["mae"].update(answers * self.scale, labels * self.scale)  # the mean would cost digits
        for name in ("pearson", "spearman"):
            metrics[name].update(answers, labels)

    def pictures(self, kept: Kept, classes: list[str]) -> dict[str, np.ndarray]:
        from sweepformer.tasks.figures import number_figure

        return {"predicted_and_true": number_figure(kept["labels"], kept["predictions"])}


class Correlation(Metric):
    """Pearson's correlation of all answers with the true numbers, over all processes; of their ranks it is Spearman's.

    0, and not undefined, where all answers are the same: they say nothing of the numbers. Computed in double
    precision. ranked: ranks instead of numbers; equal numbers share the mean of theirs.
    """

    answers: list[Tensor]
    numbers: list[Tensor]

    def __init__(self, ranked: bool) -> None:
        super().__init__()
        self.ranked = ranked
        for name in ("answers", "numbers"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, answers: Tensor, numbers: Tensor) -> None:
        """(rows,) float each."""
        self.answers.append(answers)
        self.numbers.append(numbers)

    def compute(self) -> Tensor:
        """Scalar from -1 to 1, float32."""
        pair = [dim_zero_cat(one).double().cpu().numpy() for one in (self.answers, self.numbers)]
        pair = [rankdata(one) for one in pair] if self.ranked else pair
        answers, numbers = (one - one.mean() if np.ptp(one) else np.zeros_like(one) for one in pair)
        size = np.sqrt((answers**2).sum() * (numbers**2).sum())
        correlation: Any = (answers * numbers).sum() / size if size else 0.0
        return torch.tensor(correlation, dtype=torch.float32, device=self.device)
