"""Probabilities from scores that were not made to be any."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


def fitted_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """What scores are divided by for the lowest log loss (Guo et al. 2017).

    scores: (answers, classes) float; labels: (answers,) class numbers.
    """

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(scores / np.exp(log_temperature), axis=1)[np.arange(len(labels)), labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-5, 5), method="bounded").x))
