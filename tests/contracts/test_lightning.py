"""What `lightning_internals` counts on in Lightning, each by its name."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader

from sweepformer.lightning_internals import (
    CheckpointChoice,
    FitLoop,
    batches_begun,
    batches_done,
    close_for_now,
    connected,
    end_resuming,
    is_over,
    logged_steps,
    note_validation,
    process_rank,
    save_between_batches,
    starts_this_command_again,
    trains_in_children,
)

BATCHES = 4


class Line(LightningModule):
    """Validation losses are 3, 2, 2, 5 in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return self.layer(batch).square().mean()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.log("val_loss", torch.tensor([3.0, 2.0, 2.0, 5.0])[self.current_epoch])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.01)

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(torch.ones(BATCHES, 1))  # type: ignore[arg-type]

    val_dataloader = train_dataloader


def trainer_with(*callbacks: Callback, **options: Any) -> Trainer:
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0}
    chosen = {"logger": False, "enable_checkpointing": any(isinstance(one, ModelCheckpoint) for one in callbacks)}
    return Trainer(**{"accelerator": "cpu", **quiet, **chosen, **options}, callbacks=list(callbacks))


def test_connectors_set_these() -> None:
    mine = Callback()
    trainer = connected(trainer_with(mine, log_every_n_steps=7, limit_train_batches=0.5))
    assert mine in trainer.callbacks
    assert (trainer.log_every_n_steps, trainer.limit_train_batches, trainer.overfit_batches) == (7, 0.5, 0)
    assert connected(trainer_with(overfit_batches=3)).overfit_batches == 3
    assert not trainer.fast_dev_run
    assert connected(trainer_with(fast_dev_run=True)).fast_dev_run


def test_the_rank_is_known_without_a_trainer() -> None:
    assert process_rank() == 0


@pytest.mark.parametrize(
    ("strategy", "again", "children"),
    [("auto", False, False), ("ddp", True, False), ("ddp_fork", False, True), ("ddp_spawn", False, True)],
)
def test_launchers(strategy: str, again: bool, children: bool) -> None:
    trainer = trainer_with(strategy=strategy, devices=1 if strategy == "auto" else 2)
    assert (starts_this_command_again(trainer), trains_in_children(trainer)) == (again, children)


def test_counters_of_loops_and_their_place_in_checkpoints(tmp_path: Path) -> None:
    seen: list[tuple[int, int, int]] = []
    saved: list[dict[str, Any]] = []

    class Look(Callback):
        def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
            seen.append((batches_begun(trainer), batches_done(trainer), logged_steps(trainer)))
            if batches_done(trainer) == 2:
                trainer.save_checkpoint(tmp_path / "between.ckpt")

        def on_save_checkpoint(self, trainer: Trainer, module: Any, checkpoint: dict[str, Any]) -> None:
            save_between_batches(trainer, checkpoint)
            saved.append(checkpoint)

    trainer_with(Look(), max_epochs=1).fit(Line())
    assert seen == [(number + 1, number, number) for number in range(BATCHES)]
    progress = saved[0]["loops"]["fit_loop"]["epoch_loop.batch_progress"]
    assert progress["current"] == {"ready": 2, "started": 2, "processed": 2, "completed": 2}
    assert progress["is_last_batch"] is False
    assert saved[0]["loops"]["fit_loop"]["epoch_progress"]["current"]["ready"] == 1
    assert saved[0]["loops"]["fit_loop"]["epoch_loop.state_dict"]["_batches_that_stepped"] == 2

    again: list[tuple[int, int, int, bool, bool]] = []

    class GoOn(Callback):
        def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
            resuming = trainer.fit_loop.restarting
            end_resuming(trainer, 40 + batches_done(trainer))
            counted = batches_begun(trainer), batches_done(trainer), logged_steps(trainer)
            again.append((*counted, resuming, trainer.fit_loop.restarting))

    trainer_with(GoOn(), max_epochs=1).fit(Line(), ckpt_path=tmp_path / "between.ckpt", weights_only=True)
    assert again == [(3, 2, 42, True, False), (4, 3, 43, False, False)]


def test_a_validation_is_saved_as_one_that_begins(tmp_path: Path) -> None:
    validated: list[int] = []

    class Save(Callback):
        def on_validation_batch_end(self, trainer: Trainer, *_: Any) -> None:
            if not (tmp_path / "amid.ckpt").exists():
                trainer.save_checkpoint(tmp_path / "amid.ckpt")

        def on_save_checkpoint(self, trainer: Trainer, module: Any, checkpoint: dict[str, Any]) -> None:
            save_between_batches(trainer, checkpoint)

    class Count(Callback):
        def on_validation_batch_end(
            self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int, *_: Any
        ) -> None:
            validated.append(batch_idx)

    trainer_with(Save(), max_epochs=1).fit(Line())
    trainer_with(Count(), max_epochs=1).fit(Line(), ckpt_path=tmp_path / "amid.ckpt", weights_only=True)
    assert validated == list(range(BATCHES))


class Validations(Callback):
    """Notes validations by epoch and step, and what comes at the end; saves and ends training amid the last one."""

    def __init__(self, stop: Path | None = None) -> None:
        self.seen: list[tuple[int, int, bool]] = []
        self.stop = stop

    def on_validation_batch_start(self, trainer: Trainer, module: Any, batch: Any, batch_idx: int, *_: Any) -> None:
        if self.stop and batch_idx == 2 and trainer.global_step == trainer.max_steps:
            trainer.save_checkpoint(self.stop)
            raise RuntimeError("stopped")

    def on_validation_end(self, trainer: Trainer, module: Any) -> None:
        assert "val_loss" in trainer.callback_metrics
        self.seen.append((trainer.current_epoch, trainer.global_step, is_over(trainer)))
        note_validation(trainer)

    def on_save_checkpoint(self, trainer: Trainer, module: Any, checkpoint: dict[str, Any]) -> None:
        save_between_batches(trainer, checkpoint)


def fit_and_note(resumed: Path | None = None, stop: Path | None = None, **options: Any) -> tuple[Any, Trainer]:
    noted = Validations(stop)
    trainer = trainer_with(noted, **options)
    trainer.fit_loop = FitLoop(trainer.fit_loop)
    trainer.fit(Line(), ckpt_path=resumed, weights_only=True)
    return noted.seen, trainer


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({"max_epochs": 2}, [(0, 4, False), (1, 8, False)]),
        ({"max_steps": 3}, [(0, 3, True)]),
        ({"max_steps": 6}, [(0, 4, False), (1, 6, True)]),
        ({"max_steps": 8}, [(0, 4, False), (1, 8, False)]),
        ({"max_epochs": 3, "check_val_every_n_epoch": 2}, [(1, 8, False), (2, 12, True)]),
        ({"max_epochs": 1, "val_check_interval": 3}, [(0, 3, False), (0, 4, True)]),
        ({"max_epochs": 1, "val_check_interval": "00:01:00:00"}, [(0, 4, True)]),
        ({"max_epochs": 9, "max_time": "00:00:00:00", "check_val_every_n_epoch": 3}, []),  # nothing was trained
        ({"max_epochs": 1, "limit_train_batches": 2, "check_val_every_n_epoch": 3}, [(0, 2, True)]),
        ({"max_steps": 3, "limit_val_batches": 0}, []),
    ],
)
def test_what_was_learned_since_the_last_validation_is_validated(options: dict[str, Any], seen: list[Any]) -> None:
    found, trainer = fit_and_note(**options)
    assert found == seen
    assert trainer.current_epoch == (seen[-1][0] + 1 if seen else trainer.current_epoch)
    assert logged_steps(trainer) == trainer.global_step


@pytest.mark.parametrize("steps", [3, 4, 6])
def test_a_training_that_was_stopped_in_its_last_validation_goes_on_with_it(tmp_path: Path, steps: int) -> None:
    whole, _ = fit_and_note(max_steps=steps)
    with pytest.raises(RuntimeError, match="stopped"):
        fit_and_note(stop=tmp_path / "amid.ckpt", max_steps=steps)
    found, trainer = fit_and_note(tmp_path / "amid.ckpt", max_steps=steps)
    assert found == whole[-1:]
    assert (trainer.current_epoch, logged_steps(trainer)) == (-(-steps // BATCHES), steps)
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    assert fit_and_note(tmp_path / "end.ckpt", max_steps=steps)[0] == []


class Noted(CheckpointChoice):
    def __init__(self, **options: Any) -> None:
        super().__init__(monitor="val_loss", save_top_k=1, **options)
        self.looks: set[bool] = set()

    def to_skip(self, trainer: Trainer) -> bool:
        return True

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.looks.add(self.looks_at_epochs_end(trainer))
        if self.is_epochs_turn(trainer):
            self.choose(trainer, self.candidates(trainer))

    def file_exists(self, filepath: Any, trainer: Trainer) -> bool:
        return False


@pytest.mark.parametrize("at_epochs_end", [False, True])
def test_checkpoints_are_chosen_and_nothing_is_written(tmp_path: Path, at_epochs_end: bool) -> None:
    noted = Noted(dirpath=tmp_path, filename="{epoch}", save_on_train_epoch_end=at_epochs_end)
    trainer_with(noted, max_epochs=4).fit(Line())
    taken, dropped = ([Path(path).name for path in paths] for paths in (noted.taken, noted.dropped))
    assert (taken, dropped) == (["epoch=0.ckpt", "epoch=1.ckpt"], ["epoch=0.ckpt"])
    assert Path(noted.best_model_path).name == "epoch=1.ckpt"
    assert noted.looks == {at_epochs_end}
    assert not list(tmp_path.iterdir())


def test_the_best_are_chosen_every_so_many_epochs(tmp_path: Path) -> None:
    noted = Noted(dirpath=tmp_path, filename="{epoch}", every_n_epochs=3)
    trainer_with(noted, max_epochs=4).fit(Line())
    assert [Path(path).name for path in noted.taken] == ["epoch=2.ckpt"]


@pytest.mark.parametrize(
    "name", ["_should_skip_saving_checkpoint", "_save_checkpoint", "_remove_checkpoint", "_update_best_and_save"]
)
def test_what_is_overridden_is_called_as_before(name: str) -> None:
    theirs, ours = (
        list(inspect.signature(getattr(one, name)).parameters) for one in (ModelCheckpoint, CheckpointChoice)
    )
    assert theirs == ours


def test_a_closed_logger_opens_anew(tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path)
    first = logger.experiment
    close_for_now(logger)
    assert logger.experiment is not first
    logger.experiment.add_scalar("x", 1.0)
    logger.experiment.close()
