"""What the task's options do to its loss."""

import numpy as np
import pytest
import torch
from pytorch_lightning import Trainer
from torch.distributions import Categorical, kl_divergence

from sweepformer.data.batches import Batch
from sweepformer.errors import UserError
from sweepformer.models.transformer import Mixing
from sweepformer.tasks.classification import Classification
from sweepformer.tasks.task import Targets

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.0, 0.0], [0.0, 1.0, 3.0]])
BATCH = Batch(torch.zeros(3, 4, dtype=torch.int64), None, torch.tensor([0, 1, 2]), torch.arange(3))


class Fixed(torch.nn.Module):
    """Says the same whatever it is given."""

    def forward(self, token_ids: torch.Tensor, padding_mask: torch.Tensor | None = None) -> torch.Tensor:
        return LOGITS


class Wavering(torch.nn.Module):
    """Says something else every time, as with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[torch.Tensor] = []

    def forward(self, token_ids: torch.Tensor, padding_mask: torch.Tensor | None = None) -> torch.Tensor:
        self.said.append(LOGITS * (1 + len(self.said)))
        return self.said[-1]


class MixesLogits(torch.nn.Module):
    """Mixes what it says of each row, and remembers how."""

    def forward(self, token_ids: torch.Tensor, padding_mask: torch.Tensor | None, mixing: Mixing) -> torch.Tensor:
        self.mixing = mixing
        return mixing.of(LOGITS)


def loss(model: torch.nn.Module | None = None, **options: object) -> float:
    labels = np.repeat(np.arange(3), [6, 3, 1])
    targets = Targets(["a", "b", "c"], labels, rows_per_batch=3.0, tokens_per_batch=12.0)
    task = Classification(targets, model=model or Fixed(), make_optimizer=None, make_schedule=None, **options)  # type: ignore[arg-type]
    task.trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    task.on_train_epoch_start()
    return float(task.training_step(BATCH, 0))


def row_losses() -> torch.Tensor:
    return -LOGITS.log_softmax(1)[torch.arange(3), BATCH.labels]


def test_the_loss_is_the_mean_over_rows() -> None:
    assert loss() == pytest.approx(float(row_losses().mean()))


def test_balanced_weights_make_classes_count_alike() -> None:
    weights = 10 / (3 * torch.tensor([6.0, 3.0, 1.0]))
    assert loss(class_weights="balanced") == pytest.approx(float((weights * row_losses()).sum() / 3))
    assert float((weights * torch.tensor([6.0, 3.0, 1.0])).std()) == pytest.approx(0, abs=1e-6)


def test_smoothing_spreads_its_share_over_all_classes() -> None:
    target = torch.full((3, 3), 0.3 / 3) + torch.eye(3) * 0.7
    expected = -(target * LOGITS.log_softmax(1)).sum(1).mean()
    assert loss(label_smoothing=0.3) == pytest.approx(float(expected))


def test_ones_own_weights_count_for_their_classes_and_the_others_once() -> None:
    expected = (torch.tensor([1.0, 1.0, 5.0]) * row_losses()).sum() / 3
    assert loss(class_weights={"c": 5}) == pytest.approx(float(expected))


def test_weights_of_unknown_classes_are_refused() -> None:
    with pytest.raises(UserError, match=r"there is no class cc\. Did you mean c\?"):
        loss(class_weights={"cc": 5})


def test_r_drop_adds_how_far_two_passes_differ() -> None:
    model = Wavering()
    found = loss(model, r_drop=4.0)
    (one, other), rows = model.said, torch.arange(3)
    losses = sum(-said.log_softmax(1)[rows, BATCH.labels].sum() for said in (one, other))
    p, q = Categorical(logits=one), Categorical(logits=other)
    kl = (kl_divergence(p, q) + kl_divergence(q, p)).sum() / 2
    assert found == pytest.approx(float((losses + 4.0 * kl) / 2 / 3), rel=1e-5)  # the paper's, over two passes


def test_mixup_learns_both_labels_of_mixed_rows_by_their_shares() -> None:
    torch.manual_seed(0)
    model = MixesLogits()
    found = loss(model, mixup=1.0)
    share, partners = model.mixing.shares[:, 0], model.mixing.partners
    assert sorted(partners.tolist()) == [0, 1, 2]
    assert partners.tolist() != [0, 1, 2]
    logits = share[:, None] * LOGITS + (1 - share)[:, None] * LOGITS[partners]
    log_p, rows = logits.log_softmax(1), torch.arange(3)
    expected = -(share * log_p[rows, BATCH.labels] + (1 - share) * log_p[rows, BATCH.labels[partners]])
    assert found == pytest.approx(float(expected.mean()), rel=1e-5)


def test_mixup_refuses_a_model_that_cannot_mix() -> None:
    with pytest.raises(ValueError, match=r"mixup=0\.4 needs a model that mixes rows"):
        loss(mixup=0.4)
