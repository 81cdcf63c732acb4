"""Tasks whose answers need something that is fitted on the whole validation split, after the weights."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import CatMetric

from sweepformer.data.batches import Batch
from sweepformer.tasks.task import Task

UNSCALED = 1.0
HOTTEST = 100.0  # and 1/100 is the coldest
EQUAL = (0.5, 0.5)
BOUNDS = ((0.01, 100.0), (0.0, 100.0))  # of ensemble weights; the first always has a say: something must
UNDECIDED = 0.5


def best_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature with the least cross-entropy on these rows (Guo et al. 2017, "On Calibration of Modern Neural
    Networks"), their targets as in `wanted_logit`.

    logits: (rows, classes) float; labels: (rows,) int, class numbers.

    Returns:
        What to divide logits by, from 0.01 to 100; 1 if there are no rows or a single class.
    """
    from scipy.optimize import minimize_scalar  # who only divides by a temperature need not wait for these
    from scipy.special import logsumexp

    rows, classes = logits.shape
    if not rows or classes < 2:
        return UNSCALED
    logits = logits.astype(np.float64)
    wanted = wanted_logit(logits, labels)

    def loss(log_temperature: float) -> float:
        colder = np.exp(-log_temperature)
        return float(logsumexp(logits * colder, axis=1).mean() - wanted * colder)

    bounds = (-np.log(HOTTEST), np.log(HOTTEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def wanted_logit(logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean logit of the rows' targets; arguments as `best_temperature`, at least one row.

    A model that is right about every one of the rows would be made certain of everything: so a share of each target
    that shrinks with the number of rows goes to all classes, as Platt (1999, "Probabilistic Outputs for Support
    Vector Machines") has it for two.
    """
    spread = 1 / (len(logits) + 2)
    return float((1 - spread) * logits[np.arange(len(logits)), labels].mean() + spread * logits.mean())


def best_ensemble_weights(first: np.ndarray, second: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """By what two models' logits are multiplied for the least cross-entropy of their sum on these rows.

    The exponents of a logarithmic opinion pool, fitted as Platt (1999) fits his sigmoid (see `wanted_logit`): two
    numbers from the likelihood of all rows, which few rows determine better than they do a best accuracy. There is one
    optimum, as the likelihood is concave in them.

    first, second: (rows, classes) float, logits of the same rows, none of which either was trained on; labels: (rows,)
    int, class numbers.

    Returns:
        Two numbers, at most 100 each; EQUAL if there are no rows or a single class.
    """
    from scipy.optimize import minimize  # who only adds logits need not wait for these
    from scipy.special import logsumexp

    rows, classes = first.shape
    if not rows or classes < 2:
        return EQUAL
    both = np.stack([first, second]).astype(np.float64)
    wanted = np.array([wanted_logit(logits, labels) for logits in both])

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = np.tensordot(weights, both, axes=1)
        total = logsumexp(logits, axis=1)
        expected = (both * np.exp(logits - total[:, None])).sum(2).mean(1)
        return float(total.mean() - weights @ wanted), expected - wanted

    found = minimize(loss, np.array(EQUAL), jac=True, bounds=BOUNDS, method="L-BFGS-B")
    return float(found.x[0]), float(found.x[1])


def best_thresholds(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The threshold of each label that gives it the highest F1 on these rows.

    Each label has one of its own, fitted on held-out rows (Yang 2001, "A Study on Thresholding Strategies for Text
    Categorization", SCut). It stands halfway between two rows' probabilities. The best is about half the F1 reached
    (Lipton et al. 2014, "Optimal Thresholding of Classifiers to Maximize F1 Measure"): low for what is hard to tell.

    probabilities: (rows, labels) float, at least one row; labels: (rows, labels) bool.

    Returns:
        (labels,) float32; a label is given from its threshold on, inclusive. 0.5 for a label that no row has.
    """
    order = np.argsort(-probabilities, axis=0, kind="stable")
    ranked = np.take_along_axis(probabilities, order, axis=0)
    lower = np.vstack([ranked[1:], np.zeros_like(ranked[:1])])
    right = np.take_along_axis(labels, order, axis=0).cumsum(0)
    given = np.arange(1, len(ranked) + 1)[:, None]
    f1 = 2 * right / (given + labels.sum(0))
    f1[:-1][ranked[1:] == ranked[:-1]] = -1  # no threshold comes between rows of the same probability
    best, label = f1.argmax(0), np.arange(labels.shape[1])
    at, below = ranked[best, label], lower[best, label]
    middle = ((at.astype(np.float64) + below) / 2).astype(np.float32)
    thresholds = np.where(middle > below, middle, at)  # no number lies between neighbours
    return np.where(labels.any(0), thresholds, UNDECIDED).astype(np.float32)


class FittedOnValidation(Task):
    """At the end of every validation `logits_from` and `choose` are called with all its rows; then they are measured.

    What is chosen lies in buffers: so each checkpoint has what belongs to its weights.
    """

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        # Of the whole split, over all processes: what is fitted can't be summed up from parts.
        self.val_said, self.val_labels = CatMetric(nan_strategy="disable"), CatMetric(nan_strategy="disable")
        self._labels_are = torch.int64  # the metric makes floats of them

    def evaluate(self, split: str, batch: Batch) -> Tensor:
        if split != "val":
            return super().evaluate(split, batch)
        said = torch.cat(self.in_parts(self.said_of, batch)).float()
        self.val_said.update(said)
        self.val_labels.update(batch.labels)
        self._labels_are = batch.labels.dtype
        return said

    def said_of(self, batch: Batch) -> Tensor:
        """What validation keeps of each row of a batch, (batch, ...) float: all that `logits_from` goes by."""
        return self.logits_of(batch)

    def logits_from(self, said: Tensor, labels: Tensor) -> Tensor:
        """The logits of all validation rows, where it is fitted here what the model makes them of."""
        return said

    def on_validation_epoch_end(self) -> None:
        said, labels = self.val_said.compute(), self.val_labels.compute().to(self._labels_are)
        self.val_said.reset()
        self.val_labels.reset()
        logits = self.logits_from(said, labels)
        self.choose(logits, labels)
        # Every process measures all rows: these metrics are shares, which counting all of them twice leaves alone.
        self.measure(self._metrics_of("val"), logits, labels)
        super().on_validation_epoch_end()
