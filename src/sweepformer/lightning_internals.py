"""What is used of Lightning that it neither documents nor types, here alone.

A release that changes it fails by name in `tests/contracts/test_lightning.py`.
"""

from typing import Any, Protocol, cast

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.loops.fit_loop import _FitLoop
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


class FitLoop(_FitLoop):
    """Lightning's, but training that ends between two validations, however it comes to that, is validated once more.

    That validation belongs to the last epoch trained in, and comes before `on_train_end`.

    Attributes:
        validated: the optimizer step of the last validation; None: not known, of a checkpoint that doesn't say.
        is_over: whether the validation that ends training is running.
    """

    def __init__(self, usual: _FitLoop) -> None:
        super().__init__(usual.trainer, usual.min_epochs, usual.max_epochs)
        self.epoch_loop = usual.epoch_loop
        self.validated: int | None = 0
        self.is_over = False

    @property
    def done(self) -> bool:
        # Lightning would not go on with a validation that it was stopped in after the last step.
        within, epochs = self.epoch_loop.val_loop.batch_progress.total, self.epoch_progress.current
        amid = within.ready > within.completed and epochs.ready > epochs.processed  # type: ignore[attr-defined]
        return super().done and not (self.restarting and amid)

    @property
    def _is_due(self) -> bool:
        """Whether something was learned since the last validation."""
        return self.trainer.enable_validation and self.validated not in (None, self.trainer.global_step)

    def run(self) -> None:
        self.setup_data()
        if self.skip and self._is_due:  # it was stopped in its last validation
            self.reset()
            self.on_run_start()
            self._restarting = False
            self.on_run_end()
        else:
            super().run()

    def on_run_end(self) -> None:
        if self._is_due:
            self._validate()
        super().on_run_end()

    def _validate(self) -> None:
        trainer, epochs, loop = self.trainer, self.epoch_progress.current, self.epoch_loop
        # As it is within an epoch, so that it is logged there.
        epochs.completed, loop._batches_that_stepped = epochs.ready - 1, trainer.global_step - 1
        self.is_over, loop.val_loop.restarting, trainer.validating = True, False, True
        loop.val_loop.run()
        self.is_over, trainer.training = False, True
        epochs.completed, loop._batches_that_stepped = epochs.ready, trainer.global_step

    def on_save_checkpoint(self) -> dict[str, Any]:
        return {**super().on_save_checkpoint(), "validated": self.validated}

    def on_load_checkpoint(self, state_dict: dict[str, Any]) -> None:
        super().on_load_checkpoint(state_dict)
        self.validated = state_dict.get("validated")


def note_validation(trainer: Trainer) -> None:
    """What was learned up to here is validated."""
    if isinstance(trainer.fit_loop, FitLoop):
        trainer.fit_loop.validated = trainer.global_step


def is_validated(trainer: Trainer) -> bool:
    """Whether metrics of validation are those of the weights as they are."""
    return not isinstance(trainer.fit_loop, FitLoop) or trainer.fit_loop.validated == trainer.global_step


def is_over(trainer: Trainer) -> bool:
    """Whether training is over but for the validation that runs, which is its last."""
    loop = getattr(trainer, "fit_loop", None)
    return isinstance(loop, FitLoop) and loop.is_over


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
