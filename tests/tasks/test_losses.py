"""Losses by their formulas, written out a row and a class at a time."""

import math

import pytest
import torch
from torch.distributions import Categorical, kl_divergence

from sweepformer.tasks.classification import class_loss, disagreement

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.0, 0.0], [0.0, 1.0, 3.0]])
LABELS = torch.tensor([0, 1, 2])
SHARES = torch.tensor([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]])


def by_hand(targets: torch.Tensor, weights: list[float], smoothing: float, gamma: float) -> float:
    total = 0.0
    for row, target in zip(LOGITS.tolist(), targets.tolist(), strict=True):
        norm = sum(math.exp(one) for one in row)
        for logit, share, weight in zip(row, target, weights, strict=True):
            p = math.exp(logit) / norm
            total -= ((1 - smoothing) * share + smoothing / 3) * weight * (1 - p) ** gamma * math.log(p)
    return total


@pytest.mark.parametrize("targets", [LABELS, SHARES], ids=["labels", "shares"])
@pytest.mark.parametrize("weights", [None, [1.0, 5.0, 0.5]], ids=["alike", "weighted"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_all_options_of_the_loss_go_together(
    targets: torch.Tensor, weights: list[float] | None, smoothing: float, gamma: float
) -> None:
    wanted = targets if targets.is_floating_point() else torch.eye(3)[targets]
    found = class_loss(LOGITS, targets, None if weights is None else torch.tensor(weights), smoothing, gamma)
    assert float(found) == pytest.approx(by_hand(wanted, weights or [1.0] * 3, smoothing, gamma), rel=1e-5)


def test_focal_loss_hardly_counts_what_is_sure() -> None:
    sure, unsure = torch.tensor([[4.0, 0.0]]), torch.tensor([[-1.0, 0.0]])
    label = torch.tensor([0])

    def kept(logits: torch.Tensor) -> float:
        return float(class_loss(logits, label, gamma=2.0) / class_loss(logits, label))

    assert kept(sure) < 0.001
    assert kept(unsure) > 0.5


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_focal_loss_has_gradients_where_nothing_is_in_doubt(gamma: float) -> None:
    logits = torch.tensor([[200.0, 0.0, -200.0], [-200.0, 0.0, 200.0]], requires_grad=True)
    class_loss(logits, torch.tensor([0, 0]), smoothing=0.1, gamma=gamma).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_disagreement_is_the_divergence_both_ways() -> None:
    other = LOGITS.flip(0)
    p, q = Categorical(logits=LOGITS), Categorical(logits=other)
    expected = (kl_divergence(p, q) + kl_divergence(q, p)).sum() / 2
    assert float(disagreement(LOGITS, other)) == pytest.approx(float(expected), rel=1e-5)
    assert float(disagreement(LOGITS, LOGITS + 3)) == pytest.approx(0, abs=1e-6)
