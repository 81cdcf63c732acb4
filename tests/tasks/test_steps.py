"""A step with gradients that are NaN leaves no trace, and a run that consists of such steps ends."""

from functools import partial
from typing import Any

import pytest
import pytorch_lightning as pl
import pytorch_optimizer
import torch
from pytorch_lightning.plugins import MixedPrecision
from torch.utils.data import DataLoader

from sweepformer.data.batches import Batch
from sweepformer.errors import Diverged
from sweepformer.tasks.classification import Classification
from sweepformer.tasks.steps import let_skip, skips_by_itself
from sweepformer.tasks.task import Targets
from sweepformer.training.callbacks import divergence as loss_spikes
from sweepformer.training.callbacks.divergence import DivergenceCheck

ADAMW = partial(torch.optim.AdamW, lr=0.05, fused=True)
OPTIMIZERS = {
    "fused adamw": ADAMW,
    "adamw": partial(torch.optim.AdamW, lr=0.05),
    "fused sgd": partial(torch.optim.SGD, lr=0.05, momentum=0.9, fused=True),
    "lion": partial(pytorch_optimizer.Lion, lr=0.01),
}


class MeanOfTokens(torch.nn.Module):
    """Divides by the number of a row's tokens, as one is tempted to: by zero where there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = torch.nn.Embedding(20, 8)
        self.classes = torch.nn.Linear(8, 3)

    def forward(self, token_ids: torch.Tensor, layout: torch.Tensor | None = None) -> torch.Tensor:
        there = (token_ids != 0).float()[:, :, None]
        return self.classes((self.tokens(token_ids) * there).sum(1) / there.sum(1))


def batch(seed: int) -> Batch:
    token_ids = torch.randint(1, 20, (4, 5), generator=torch.Generator().manual_seed(seed))
    return Batch(token_ids, None, token_ids[:, 0] % 3, torch.arange(4))


GOOD = [batch(seed) for seed in range(6)]
BAD = GOOD[0]._replace(token_ids=torch.cat([GOOD[0].token_ids[:3], torch.zeros(1, 5, dtype=torch.int64)]))


class Fit:
    """What a training over some batches came to."""

    def __init__(
        self, batches: list[Batch], optimizer: Any = ADAMW, max_skipped: int = 10, model: Any = None, **options: Any
    ) -> None:
        torch.manual_seed(0)
        self.task = Classification(
            Targets(["a", "b", "c"], torch.arange(3).numpy(), rows_per_batch=4.0, tokens_per_batch=20.0),
            model=model or MeanOfTokens(),
            make_optimizer=lambda module: optimizer(module.parameters()),
            make_schedule=lambda one: {"scheduler": torch.optim.lr_scheduler.ConstantLR(one, 1.0), "interval": "step"},
        )
        self.check = DivergenceCheck(max_skipped)
        self.trainer = pl.Trainer(
            accelerator="cpu", max_epochs=1, callbacks=[self.check], logger=False, enable_progress_bar=False,
            enable_model_summary=False, enable_checkpointing=False, **options,
        )  # fmt: skip
        self.trainer.fit(self.task, DataLoader(batches, batch_size=None))  # type: ignore[arg-type]

    @property
    def state(self) -> list[Any]:
        """Weights, moments and counts of steps."""
        optimizer = self.trainer.optimizers[0].state_dict()
        return [*self.task.state_dict().values(), *_values(optimizer["state"]), *_values(optimizer["param_groups"])]


def _values(nested: Any) -> list[Any]:
    if isinstance(nested, dict | list | tuple):
        return [one for item in (nested.values() if isinstance(nested, dict) else nested) for one in _values(item)]
    return [nested]


def assert_same(one: list[Any], other: list[Any]) -> None:
    assert len(one) == len(other) > 4
    for first, second in zip(one, other, strict=True):
        assert torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second


@pytest.mark.parametrize("clip", [1.0, None])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_skipped_step_leaves_weights_and_optimizer_as_they_were(name: str, clip: float | None) -> None:
    with_bad = Fit([BAD, *GOOD[:3], BAD, *GOOD[3:]], OPTIMIZERS[name], gradient_clip_val=clip)
    without = Fit(GOOD, OPTIMIZERS[name], gradient_clip_val=clip)
    assert_same(with_bad.state, without.state)
    assert (with_bad.check.skipped, with_bad.check.overflows, without.check.skipped) == (2, 0, 0)
    assert (with_bad.trainer.global_step, without.trainer.global_step) == (8, 6), "schedules go on"
    loss, expected = (float(one.trainer.callback_metrics["train_loss"]) for one in (with_bad, without))
    assert loss == pytest.approx(expected), "what was skipped is not in the means"


def test_a_step_of_several_batches_is_skipped_whole() -> None:
    with_bad = Fit([*GOOD[:2], GOOD[2], BAD, *GOOD[4:]], accumulate_grad_batches=2)
    without = Fit([*GOOD[:2], *GOOD[4:]], accumulate_grad_batches=2)
    assert_same(with_bad.state, without.state)
    assert with_bad.check.skipped == 1


@pytest.mark.parametrize(("most", "in_a_row"), [(0, 1), (2, 3)])
def test_too_many_in_a_row_end_the_run(most: int, in_a_row: int) -> None:
    fits = [one for _ in range(3) for one in (*[BAD] * most, GOOD[1])]
    assert Fit(fits, max_skipped=most).check.skipped == 3 * most
    with pytest.raises(Diverged, match=rf"by step {in_a_row + 3} the gradients of {in_a_row} steps in a row"):
        Fit([*GOOD[:3], *[BAD] * in_a_row, *GOOD[3:]], max_skipped=most)


def test_weights_that_are_no_numbers_end_the_run_at_once() -> None:
    model = MeanOfTokens()
    with torch.no_grad():
        model.classes.bias[0] = torch.inf
    with pytest.raises(Diverged, match="at step 1 there are weights that are NaN or infinite"):
        Fit(GOOD, model=model)


def test_a_fused_adam_skips_without_anybody_looking() -> None:
    """What is done on a GPU, where looking would wait for the device."""
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight], lr=0.1, fused=True)
    assert skips_by_itself(optimizer)
    kept = None
    for gradient in (1.0, torch.nan, torch.inf, 2.0):
        weight.grad = torch.full((3,), gradient)
        let_skip(optimizer, weight.grad.norm())
        optimizer.step()
        state = [weight.detach().clone(), *(one.clone() for one in optimizer.state[weight].values())]
        if kept is not None:
            assert all(map(torch.equal, kept, state)) == (gradient != 2.0)
        kept = state
    assert float(optimizer.state[weight]["step"]) == 2


def test_a_jump_of_the_loss_is_told_once_and_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loss_spikes, "TOGETHER", 2)
    wrong = [one._replace(labels=(one.labels + 1) % 3) for one in GOOD]
    fit = Fit([*GOOD * 30, *wrong[:2], *GOOD * 30, *wrong[:2]], log_every_n_steps=1)
    assert fit.check.spikes.count == 2
    told = [one.getMessage() for one in caplog.records if "has jumped" in one.getMessage()]
    assert len(told) == 1
    assert "at step 182" in told[0]


def sixteen_bits(scale: float) -> dict[str, Any]:
    return {"plugins": [MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=scale))]}


@pytest.mark.parametrize("name", ["fused adamw", "adamw", "fused sgd"])
def test_overflows_in_16_bits_are_no_trouble(name: str) -> None:
    fit = Fit(GOOD * 8, OPTIMIZERS[name], max_skipped=2, gradient_clip_val=1.0, **sixteen_bits(2.0**32))
    assert 5 < fit.check.overflows < 40
    assert fit.check.skipped == 0
    assert all(torch.as_tensor(one).isfinite().all() for one in fit.state if not isinstance(one, str | None))
    assert (
        fit.trainer.callback_metrics["train_loss"] < Fit(GOOD, OPTIMIZERS[name]).trainer.callback_metrics["train_loss"]
    )


def test_gradients_that_never_fit_in_16_bits_end_the_run() -> None:
    with pytest.raises(Diverged, match="no gradients fit into 16 bits"):
        Fit([*GOOD, *[BAD] * 40], max_skipped=2, **sixteen_bits(2.0**10))
