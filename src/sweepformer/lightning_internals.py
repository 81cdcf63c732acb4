"""What is used of Lightning that it neither documents nor types, here alone.

A release that changes it fails by name in `tests/contracts/test_lightning.py`.
"""

from typing import Any, Protocol, cast

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.strategies.launchers.multiprocessing import _MultiProcessingLauncher
from pytorch_lightning.strategies.launchers.subprocess_script import _SubprocessScriptLauncher
from pytorch_lightning.trainer.states import TrainerFn
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor


class Connected(Protocol):
    """What a Trainer has from its connectors, which set it where no type checker sees that."""

    callbacks: list[Callback]
    log_every_n_steps: int
    overfit_batches: int | float
    limit_train_batches: int | float
    fast_dev_run: bool | int


def connected(trainer: Trainer) -> Connected:
    """The same trainer, as its connectors made it."""
    return cast(Connected, trainer)


def process_rank() -> int:
    """Which of the processes of a run this one is; known before there is a Trainer."""
    return rank_zero_only.rank  # type: ignore[attr-defined]  # an attribute of a function


def starts_this_command_again(trainer: Trainer) -> bool:
    """Whether the strategy starts further processes by the command line that was typed."""
    return isinstance(trainer.strategy.launcher, _SubprocessScriptLauncher)


def trains_in_children(trainer: Trainer) -> bool:
    """Whether the strategy trains in forked or spawned processes, and so not in the one that has the Trainer."""
    return isinstance(trainer.strategy.launcher, _MultiProcessingLauncher)


def close_for_now(logger: TensorBoardLogger) -> None:
    """Close a logger that opens anew, in whichever process, as soon as it is asked for its `experiment`."""
    logger.experiment.close()
    logger._experiment = None


def batches_begun(trainer: Trainer) -> int:
    """Batches of this epoch that were fetched for training."""
    return trainer.fit_loop.epoch_loop.batch_progress.current.ready


def batches_done(trainer: Trainer) -> int:
    """Batches of this epoch whose training, hooks included, is over."""
    return trainer.fit_loop.epoch_loop.batch_progress.current.completed


def logged_steps(trainer: Trainer) -> int:
    """The number of steps that loggers count by."""
    return trainer.fit_loop.epoch_loop._batches_that_stepped


def end_resuming(trainer: Trainer, steps: int) -> None:
    """Go on as a training that was never stopped.

    Lightning counts a step twice after some saves, and until the epoch's end keeps schedulers from moving that look at
    a metric. steps: `logged_steps` of when it was saved.
    """
    trainer.fit_loop.epoch_loop._batches_that_stepped = steps
    trainer.fit_loop._restarting = False


def save_between_batches(trainer: Trainer, checkpoint: dict[str, Any]) -> None:
    """Rewrite the counters of a checkpoint as they stand between two batches; in a validation, as at its beginning.

    Lightning writes them as of the hook that saves and, resuming, concludes from them which hook that was. It knows
    none between two batches, so they are written as of the end of the last batch; a validation is then done again from
    its first batch.
    """
    loops = checkpoint["loops"]["fit_loop"]
    batches = loops["epoch_loop.batch_progress"]
    for part in ("total", "current"):  # the batch that was fetched has not begun
        completed = batches[part]["completed"]
        batches[part] = {"ready": completed, "started": completed, "processed": completed, "completed": completed}
    if trainer.validating:
        nothing = {"ready": 0, "started": 0, "processed": 0, "completed": 0}
        begun = {"ready": 1, "started": 1, "processed": 0, "completed": 0}
        loops["epoch_loop.val_loop.batch_progress"] = {"total": begun, "current": nothing, "is_last_batch": False}
    elif batches["current"]["completed"] < trainer.num_training_batches:
        batches["is_last_batch"] = False
    epochs = loops["epoch_progress"]["current"]
    if batches["current"]["completed"] == 0 or epochs["completed"] == epochs["ready"]:
        checkpoint["epoch"] = max(checkpoint["epoch"] - 1, 0)  # the last one trained in, as in the file's name


class CheckpointChoice(ModelCheckpoint):
    """ModelCheckpoint's names and choice of the best, apart from when that is done and what is written and removed.

    Attributes:
        taken: paths that were chosen for the weights as they were.
        dropped: paths whose files are no longer among the best.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.taken: list[str] = []
        self.dropped: list[str] = []

    def to_skip(self, trainer: Trainer) -> bool:
        """Whether nothing is to be saved now."""
        # Not also after a save of the same step: what is saved must not depend on where a run was resumed.
        short = bool(connected(trainer).fast_dev_run)
        return short or trainer.state.fn is not TrainerFn.FITTING or trainer.sanity_checking

    def choose(self, trainer: Trainer, metrics: dict[str, Tensor]) -> None:
        """Give the weights as they are a path if they are among the best by `metrics`."""
        self._save_topk_checkpoint(trainer, metrics)

    def candidates(self, trainer: Trainer) -> dict[str, Tensor]:
        """The metrics of now, with the epoch and the step."""
        return self._monitor_candidates(trainer)

    def is_epochs_turn(self, trainer: Trainer) -> bool:
        """Whether `every_n_epochs` makes the running epoch one after which the best are chosen."""
        return bool(self._every_n_epochs) and (trainer.current_epoch + 1) % self._every_n_epochs == 0

    def looks_at_epochs_end(self, trainer: Trainer) -> bool:
        """Whether the best are chosen at a training epoch's end, not a validation's."""
        return self._should_save_on_train_epoch_end(trainer)

    def _should_skip_saving_checkpoint(self, trainer: Trainer) -> bool:
        return self.to_skip(trainer)

    def _save_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        self.taken.append(filepath)

    def _remove_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        self.dropped.append(filepath)

    def _update_best_and_save(self, current: Tensor, trainer: Trainer, monitor_candidates: dict[str, Tensor]) -> None:
        """Of equals, the later one is the best."""
        super()._update_best_and_save(current, trainer, monitor_candidates)
        best = max if self.mode == "max" else min
        self.best_model_path = best(reversed(self.best_k_models), key=self.best_k_models.__getitem__)
        self.best_model_score = self.best_k_models[self.best_model_path]
