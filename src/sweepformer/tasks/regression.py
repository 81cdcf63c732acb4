"""One number a row."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanMetric, Metric

from sweepformer.config.kinds import KINDS
from sweepformer.data.batches import Batch
from sweepformer.data.labels import mean_and_scale
from sweepformer.tasks.answers import Kept, NumberAnswers
from sweepformer.tasks.scores import Correlation
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
        **parts: as `Task`.
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
        """Take over what `get_extra_state` returned."""
        self.mean, self.scale = state["mean"], state["scale"]

    def wanted(self, labels: Tensor) -> Tensor:
        """(rows,) float32, in standard deviations from the mean."""
        return ((labels.double() - self.mean) / self.scale).float()

    @staticmethod
    def metrics(classes: list[str]) -> nn.ModuleDict:
        return nn.ModuleDict(
            {
                "loss": MeanMetric(),
                "mae": MeanAbsoluteError(),
                "pearson": Correlation(ranked=False),
                "spearman": Correlation(ranked=True),
            }
        )

    def learn(self, batch: Batch) -> Learned:
        answers = self.logits_of(batch)[:, 0].float()
        return Learned(self.loss(answers, batch.labels, reduction="sum"), len(answers))

    def measure(self, metrics: dict[str, Metric], logits: Tensor, labels: Tensor) -> None:
        answers = logits[:, 0]
        metrics["loss"].update(F.mse_loss(answers, labels), weight=len(labels))
        metrics["mae"].update(answers * self.scale, labels * self.scale)  # the mean would cost digits
        for name in ("pearson", "spearman"):
            metrics[name].update(answers, labels)

    def answer(self, logits: Tensor, labels: Tensor) -> Kept:
        return {"labels": labels, **NumberAnswers(self.mean, self.scale).of(logits)}

    def prediction_columns(self, kept: Kept, classes: list[str]) -> dict[str, Any]:
        """label and prediction, float64."""
        return {"label": kept["labels"], "prediction": kept["predictions"]}

    def pictures(self, kept: dict[str, Any], classes: list[str]) -> dict[str, np.ndarray]:
        from sweepformer.tasks.figures import number_figure

        return {"predicted_and_true": number_figure(kept["labels"], kept["predictions"])}
