"""Linear models of sparse features, for each kind of label; the validation rows choose their C."""

import logging
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from scipy.special import expit, log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score
from sklearn.svm import LinearSVC

from sweepformer.config.kinds import LabelKind
from sweepformer.data.labels import mean_and_scale
from sweepformer.tasks.fitted_on_validation import best_thresholds

log = logging.getLogger(__name__)


def fitted_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """What scores are divided by for the lowest log loss (Guo et al. 2017).

    scores: (answers, classes) float; labels: (answers,) class numbers.
    """

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(scores / np.exp(log_temperature), axis=1)[np.arange(len(labels)), labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-5, 5), method="bounded").x))


@dataclass
class Linear:
    """A fitted model.

    labelled: what rows are; weights: (outputs, features); bias: (outputs,); scale, shift: what turns scores into
    logits; mean, deviation: of the training rows' numbers.
    """

    labelled: LabelKind
    weights: np.ndarray
    bias: np.ndarray
    scale: float = 1.0
    shift: float = 0.0
    mean: float = 0.0
    deviation: float = 1.0

    def __post_init__(self) -> None:
        self.labelled = LabelKind(self.labelled)  # a name, where it was saved

    def scores(self, features: csr_matrix) -> np.ndarray:
        """(rows, outputs) float."""
        return features @ self.weights.T + self.bias

    def logits(self, features: csr_matrix) -> np.ndarray:
        """(rows, outputs) float32, as `Baseline.logits`."""
        logits = self.scores(features) * self.scale + self.shift
        return (log_softmax(logits, axis=1) if self.labelled.is_one_class else logits).astype(np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """Plain arrays."""
        return {field.name: np.array(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def of(cls, state: dict[str, np.ndarray]) -> "Linear":
        """From what `state` returned; other arrays in it are left alone."""
        plain: dict[str, Any] = {field.name: state[field.name] for field in fields(cls)}
        return cls(**{name: array if array.ndim else array.item() for name, array in plain.items()})


def fit_linear(
    features: csr_matrix, labels: np.ndarray, val_features: csr_matrix, val_labels: np.ndarray, c_grid: Sequence[float]
) -> Linear:
    """The model of the C that does best on the validation rows.

    One class a row: a linear SVM of each class against the rest (Joachims 1998), its scores made probabilities by one
    temperature (Guo et al. 2017); judged by accuracy. Any number of classes: an SVM for each, the scores of all made
    probabilities by one sigmoid (Platt 1999); judged by macro F1 at the best thresholds. A number: ridge regression
    (Hoerl and Kennard 1970); judged by its squared error.

    Args:
        labels: as in `TokenizedRows`.
        c_grid: values of C, the weight of errors against the size of weights.
    """
    mean, deviation = 0.0, 1.0
    labelled = LABELLED.get(labels.dtype.kind, LabelKind.CLASS)
    fit, judge, metric = RECIPES[labelled]
    if labelled is LabelKind.NUMBER:
        mean, deviation = mean_and_scale(labels)
        labels, val_labels = (((one - mean) / deviation).astype(np.float32) for one in (labels, val_labels))
    best, weights, bias = (-math.inf, 0.0), np.zeros(0), np.zeros(0)
    for c in c_grid:
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            fitted = fit(features, labels, c)
        judgement = judge(val_features @ fitted[0].T + fitted[1], val_labels)
        log.info("C=%g: %s %.4f", c, metric, judgement)
        if (judgement, c) > best:  # of equals the largest C, as few rows of validation tell few apart
            best, (weights, bias) = (judgement, c), fitted
    log.info("C=%g is taken", best[1])
    linear = Linear(labelled, weights, bias, mean=mean, deviation=deviation)
    scores = linear.scores(val_features)
    if labelled is LabelKind.CLASSES:
        linear.scale, linear.shift = _fitted_sigmoid(scores, val_labels)
    elif labelled is LabelKind.CLASS:
        linear.scale = 1 / fitted_temperature(scores, val_labels)
    return linear


def _class_machines(features: csr_matrix, labels: np.ndarray, c: float) -> tuple[np.ndarray, np.ndarray]:
    machine = LinearSVC(C=c, random_state=0).fit(features, labels)
    weights, bias = machine.coef_, machine.intercept_
    if len(weights) == 1:  # of two classes there is one score, the second's
        return np.vstack([-weights, weights]), np.append(-bias, bias)
    return weights, bias


def _label_machines(features: csr_matrix, labels: np.ndarray, c: float) -> tuple[np.ndarray, np.ndarray]:
    weights, bias = np.zeros((labels.shape[1], features.shape[1])), np.ones(labels.shape[1])
    for number, has in enumerate(labels.T):
        if not has.any():
            bias[number] = -1
        elif not has.all():  # a label that every row has stays at the score 1
            machine = LinearSVC(C=c, random_state=0).fit(features, has)
            weights[number], bias[number] = machine.coef_[0], machine.intercept_[0]
    return weights, bias


def _ridge(features: csr_matrix, numbers: np.ndarray, c: float) -> tuple[np.ndarray, np.ndarray]:
    machine = Ridge(alpha=1 / c, random_state=0).fit(features, numbers)
    return machine.coef_[None], np.array([machine.intercept_])


def _accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    return float((scores.argmax(1) == labels).mean())


def _macro_f1(scores: np.ndarray, labels: np.ndarray) -> float:
    probabilities = expit(scores)
    given = probabilities >= best_thresholds(probabilities, labels)
    return float(f1_score(labels, given, average="macro", zero_division=0))


def _closeness(answers: np.ndarray, numbers: np.ndarray) -> float:
    return -float(((answers[:, 0] - numbers) ** 2).mean())


LABELLED = {"b": LabelKind.CLASSES, "f": LabelKind.NUMBER}  # by the letter of the labels' dtype
Fit = Callable[[csr_matrix, np.ndarray, float], tuple[np.ndarray, np.ndarray]]
Judge = Callable[[np.ndarray, np.ndarray], float]
RECIPES: dict[LabelKind, tuple[Fit, Judge, str]] = {
    LabelKind.CLASS: (_class_machines, _accuracy, "val_acc"),
    LabelKind.CLASSES: (_label_machines, _macro_f1, "val_f1"),
    LabelKind.NUMBER: (_ridge, _closeness, "-val_loss"),
}


def _fitted_sigmoid(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """What the scores are multiplied by, and what is added, to make them log odds."""
    if labels.all() or not labels.any():
        return 1.0, 0.0
    sigmoid = LogisticRegression(C=1e6).fit(scores.reshape(-1, 1), labels.reshape(-1))
    return float(sigmoid.coef_[0, 0]), float(sigmoid.intercept_[0])
