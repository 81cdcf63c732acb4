"""How far probabilities and shares of right answers are apart."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torchmetrics.functional.classification import multiclass_calibration_error

from sweepformer.analysis.evaluation.evaluation import calibration_of
from sweepformer.analysis.evaluation.label_kinds import before_scaling


def test_the_error_is_that_of_torchmetrics() -> None:
    random = np.random.default_rng(0)
    probabilities = softmax(random.normal(scale=2, size=(500, 4)), axis=1).astype(np.float32)
    labels = random.integers(4, size=500)
    found = calibration_of(probabilities.max(1), probabilities.argmax(1) == labels)
    wanted = multiclass_calibration_error(torch.from_numpy(probabilities), torch.from_numpy(labels), 4, n_bins=15)
    assert found.error == pytest.approx(float(wanted), abs=1e-5)
    assert found.rows.sum() == 500


def test_what_is_always_right_as_often_as_it_says_has_no_error() -> None:
    right = np.arange(100) < 80
    assert calibration_of(np.full(100, 0.8), right).error == pytest.approx(0)
    assert calibration_of(np.full(100, 0.9), right).error == pytest.approx(0.1)


def test_scaling_can_be_undone() -> None:
    logits = np.random.default_rng(0).normal(scale=3, size=(50, 5))
    assert before_scaling(softmax(logits / 2.5, axis=1), 2.5) == pytest.approx(softmax(logits, axis=1))
