"""Batches that don't fit in memory are learned and measured in parts, with the result of the whole."""

from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from token_tasks import build, padded
from torch.utils.data import DataLoader

from sweepformer.data.batches import Batch
from sweepformer.errors import UserError
from sweepformer.tasks.classification import Classification
from sweepformer.tasks.language_modeling import LanguageModeling
from sweepformer.tasks.masked_lm import MaskedLM
from sweepformer.tasks.task import Targets


class Device:
    """Has room for some rows at once; counts how often there were more. `when`: what they are too many for."""

    def __init__(self, room: int, when: str) -> None:
        self.room, self.when, self.refused = room, when, 0

    def hold(self, rows: int, when: str) -> None:
        if rows > self.room and when == self.when:
            self.refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


class OnDevice(torch.nn.Module):
    """Words to classes. The backward pass fails when the gradients of the upper layer are there already."""

    def __init__(self, device: Device) -> None:
        super().__init__()
        self.device = device
        self.words = torch.nn.EmbeddingBag(30, 8)
        self.classes = torch.nn.Sequential(torch.nn.Tanh(), torch.nn.Linear(8, 3))

    def forward(self, token_ids: torch.Tensor, layout: torch.Tensor | None = None) -> torch.Tensor:
        rows = len(token_ids)
        self.device.hold(rows, "forward")
        hidden = self.words(token_ids)
        if hidden.requires_grad:
            hidden.register_hook(lambda _: self.device.hold(rows, "backward"))
        return self.classes(hidden)


def batch(rows: int, seed: int) -> Batch:
    token_ids = torch.randint(30, (rows, 6), generator=torch.Generator().manual_seed(seed))
    return Batch(token_ids, None, token_ids[:, 0] % 3, torch.arange(rows))


BATCHES = [batch(rows, seed) for seed, rows in enumerate((2, 8, 7, 8, 2, 2, 8, 8))]


def fit(
    device: Device, split: bool, **options: Any
) -> tuple[dict[str, torch.Tensor], dict[str, float], Classification]:
    """Weights and metrics after three epochs."""
    torch.manual_seed(0)
    task = Classification(
        Targets(["a", "b", "c"], torch.arange(3).numpy(), rows_per_batch=6.0, tokens_per_batch=36.0),
        model=OnDevice(device),
        make_optimizer=lambda model: torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9),
        make_schedule=lambda one: {"scheduler": torch.optim.lr_scheduler.ConstantLR(one, 1.0), "interval": "step"},
        auto_micro_batch=split,
    )
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=3, logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, num_sanity_val_steps=0, gradient_clip_val=1.0, **options,
    )  # fmt: skip
    loader: Any = DataLoader(BATCHES, batch_size=None)  # type: ignore[arg-type]
    trainer.fit(task, loader, loader)
    return task.state_dict(), {name: float(one) for name, one in trainer.callback_metrics.items()}, task


@pytest.mark.parametrize("accumulated", [1, 2, 3])
@pytest.mark.parametrize("when", ["forward", "backward"])
def test_weights_and_metrics_are_those_of_whole_batches(when: str, accumulated: int) -> None:
    weights, metrics, _ = fit(Device(100, when), split=False, accumulate_grad_batches=accumulated)
    small = Device(3, when)
    found, measured, task = fit(small, split=True, accumulate_grad_batches=accumulated)
    torch.testing.assert_close(found, weights, atol=1e-6, rtol=0)
    assert measured == pytest.approx(metrics, abs=1e-6)
    assert 2 <= small.refused <= 4, "it is known from then on"
    assert task.micro_batches is not None
    assert task.micro_batches["training"].most == 12


def test_room_for_everything_changes_nothing() -> None:
    weights, metrics, _ = fit(Device(100, "forward"), split=False, accumulate_grad_batches=3)
    found, measured, _ = fit(Device(100, "forward"), split=True, accumulate_grad_batches=3)
    assert all(map(torch.equal, found.values(), weights.values()))
    assert measured == metrics


class Norms(pl.Callback):
    """Of the gradients of each step."""

    def __init__(self) -> None:
        self.found: list[float] = []

    def on_train_batch_end(self, trainer: Any, module: Any, *_: Any) -> None:
        if module.gradient_norm is not None:
            self.found.append(float(module.gradient_norm))


def norms(batches: list[Batch], rows_per_batch: float, split: bool = False, **options: Any) -> list[float]:
    """Of the steps of an epoch that leaves the weights as they are."""
    torch.manual_seed(0)
    task = Classification(
        Targets(["a", "b", "c"], torch.arange(3).numpy(), rows_per_batch, tokens_per_batch=36.0),
        model=OnDevice(Device(3 if split else 100, "forward")),
        make_optimizer=lambda model: torch.optim.SGD(model.parameters(), lr=0.0),
        make_schedule=lambda one: {"scheduler": torch.optim.lr_scheduler.ConstantLR(one, 1.0), "interval": "step"},
        auto_micro_batch=split,
    )
    watch = Norms()
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, callbacks=[watch], **options,
    )  # fmt: skip
    trainer.fit(task, DataLoader(batches, batch_size=None))  # type: ignore[arg-type]
    return watch.found


def together(batches: list[Batch]) -> Batch:
    return Batch(*(torch.cat(one) if one[0] is not None else None for one in list(zip(*batches, strict=True))[:4]))


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize(("limit", "accumulated"), [(8, 3), (5, 3), (1, 4), (3, 4), (6, 3), (0.5, 3)])
def test_each_step_is_divided_by_the_batches_that_it_holds(limit: float, accumulated: int, split: bool) -> None:
    used = BATCHES[: limit if isinstance(limit, int) else int(limit * len(BATCHES))]
    found = norms(BATCHES, 6.0, split, accumulate_grad_batches=accumulated, limit_train_batches=limit)
    steps = [used[start : start + accumulated] for start in range(0, len(used), accumulated)]
    expected = [norms([together(one)], 6.0 * len(one))[0] for one in steps]
    assert found == pytest.approx(expected, rel=1e-5)


def test_a_run_without_it_ends() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        fit(Device(3, "forward"), split=False)


def test_a_row_cannot_be_split() -> None:
    with pytest.raises(UserError, match=r"out of memory in training with a single row of 6 tokens \(CUDA out"):
        fit(Device(0, "forward"), split=True)


def test_other_errors_are_not_tried_again() -> None:
    device = Device(100, "forward")
    device.hold = lambda rows, when: 1 / 0  # type: ignore[method-assign, assignment, return-value]
    with pytest.raises(ZeroDivisionError):
        fit(device, split=True)


@pytest.mark.parametrize("kind", [MaskedLM, LanguageModeling])
def test_a_part_of_a_batch_is_asked_for_the_same_tokens(kind: type[MaskedLM | LanguageModeling]) -> None:
    rows = padded([[5 + (3 * row + place) % 40 for place in range(4 + row)] for row in range(8)])
    whole, split = build(kind), build(kind, auto_micro_batch=True)
    device = Device(3, "forward")
    split.model.register_forward_pre_hook(lambda _, inputs: device.hold(len(inputs[0]), "forward"))
    expected, found = (task.eval().evaluate("val", rows) for task in (whole, split))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)
    for name, metric in whole._metrics_of("val").items():
        torch.testing.assert_close(split._metrics_of("val")[name].compute(), metric.compute())
    assert device.refused == 2
