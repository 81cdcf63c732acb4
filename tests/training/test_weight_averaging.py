"""The average of the weights is what is evaluated and kept; training itself goes on without it."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from sweepformer.training.callbacks.weight_averaging import WeightAveraging


class Line(pl.LightningModule):
    """A linear fit with an optimizer that has a state."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return (self.layer(batch) - batch.sum(1, keepdim=True)).square().mean()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log("val_loss", self.training_step(batch, batch_idx))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)


class Watch(pl.Callback):
    """Notes weights as they are trained and as they are validated; saves a checkpoint amid each validation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trained: list[torch.Tensor] = []
        self.validated: list[tuple[int, torch.Tensor]] = []

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.started = trainer.global_step
        self.trained.append(weights(module.state_dict()))

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        if trainer.global_step == self.started + len(self.trained):
            self.trained.append(weights(module.state_dict()))

    def on_validation_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        self.validated.append((trainer.global_step, weights(module.state_dict())))
        trainer.save_checkpoint(self.folder / f"amid-{trainer.global_step}.ckpt")
        assert torch.equal(weights(module.state_dict()), self.validated[-1][1])

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        trainer.save_checkpoint(self.folder / f"after-{trainer.global_step}.ckpt")


def weights(state: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([state["layer.weight"].flatten(), state["layer.bias"]]).clone()


def fit(folder: Path, epochs: int, ckpt_path: Path | None = None, **options: Any) -> Watch:
    torch.manual_seed(0)
    rows = torch.randn(64, 4)
    watch = Watch(folder)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=[WeightAveraging(0.8), watch],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        num_sanity_val_steps=0,
        **options,
    )
    last = str(ckpt_path) if ckpt_path else None
    trainer.fit(Line(), DataLoader(rows, 8), DataLoader(rows[:8], 8), ckpt_path=last, weights_only=True)
    return watch


def averaged(trained: list[torch.Tensor]) -> torch.Tensor:
    """The formula, in double precision."""
    average = trained[0].double()
    for step, weight in enumerate(trained[1:], start=1):
        decay = min(0.8, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * weight.double()
    return average.float()


@pytest.mark.parametrize("accumulated", [1, 2])
def test_validation_and_checkpoints_have_the_average_and_training_has_not(tmp_path: Path, accumulated: int) -> None:
    watch = fit(tmp_path, 8, accumulate_grad_batches=accumulated)
    assert len(watch.trained) == 1 + 8 * 8 / accumulated
    for step, seen in watch.validated:
        expected = averaged(watch.trained[: step + 1])
        torch.testing.assert_close(seen, expected, atol=1e-6, rtol=1e-5)
        assert not torch.allclose(seen, watch.trained[step], atol=1e-4) or step > 40
        for when in ("amid", "after"):
            saved = torch.load(tmp_path / f"{when}-{step}.ckpt", weights_only=True)
            assert torch.equal(weights(saved["state_dict"]), seen)
            assert torch.equal(weights(saved["weight_averaging"]["trained"]), watch.trained[step])


@pytest.mark.parametrize("precision", ["32-true", "bf16-true"])
def test_training_goes_on_from_what_was_trained(tmp_path: Path, precision: Any) -> None:
    whole = fit(tmp_path, 3, precision=precision)
    resumed = fit(tmp_path, 3, tmp_path / "after-16.ckpt", precision=precision)
    assert len(resumed.trained) == 1 + 8
    assert torch.equal(torch.stack(whole.trained[16:]), torch.stack(resumed.trained))
    assert torch.equal(whole.validated[-1][1], resumed.validated[-1][1])
