"""What the task's options do to its loss."""

import numpy as np
import pytest
import torch

from sweepformer.data.batches import Batch
from sweepformer.tasks.classification import Classification
from sweepformer.tasks.task import Targets

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.0, 0.0], [0.0, 1.0, 3.0]])
BATCH = Batch(torch.zeros(3, 4, dtype=torch.int64), None, torch.tensor([0, 1, 2]), torch.arange(3))


class Fixed(torch.nn.Module):
    """Says the same whatever it is given."""

    def forward(self, token_ids: torch.Tensor, padding_mask: torch.Tensor | None = None) -> torch.Tensor:
        return LOGITS


def loss(**options: object) -> float:
    labels = np.repeat(np.arange(3), [6, 3, 1])
    targets = Targets(["a", "b", "c"], labels, rows_per_batch=3.0, tokens_per_batch=12.0)
    task = Classification(targets, model=Fixed(), make_optimizer=None, make_schedule=None, **options)  # type: ignore[arg-type]
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
