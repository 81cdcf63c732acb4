"""When a run is saved and stopped, under which names, and what is kept."""

import math
import os
import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any
from weakref import proxy

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from sweepformer.files.atomic import replace_file
from sweepformer.lightning_internals import CheckpointChoice, is_over, is_validated
from sweepformer.training.stopping import Stop

LONGEST_NAME = 200  # bytes: the names of files that are being written are a little longer


class Checkpoints(CheckpointChoice):
    """Lightning's ModelCheckpoint, whose every file is a point from which training goes on exactly.

    A hook of Lightning's finds training in the middle of something: an epoch's means are not logged yet, a
    scheduler has not moved. So the hooks here only note what is due, with the metrics of that moment, and
    `BetweenBatches` asks for it before the next batch begins, when all that belongs to the last one is over.

    The best by `monitor` are chosen after every validation, of equals the later ones, which have learned longer: few
    validation rows tell few weights apart. Steps and minutes, which ModelCheckpoint lets one choose one of, add to
    that: they renew `last.ckpt`. Without a `monitor` they save as many as `save_top_k` says (1, or -1 for all), under
    `filename`.

    Args:
        dirpath, filename, monitor, mode, save_top_k, save_last, save_weights_only, auto_insert_metric_name,
            save_on_train_epoch_end, verbose: as in ModelCheckpoint.
        every_n_epochs: epochs between choices of the best; None: 1 with a `monitor` or nothing else to go by.
        every_n_train_steps: optimizer steps between saves.
        every_n_minutes: minutes between saves, whatever else was saved meanwhile.
    """

    def __init__(
        self,
        dirpath: str | None = None,
        filename: str | None = None,
        monitor: str | None = None,
        mode: str = "min",
        save_top_k: int = 1,
        save_last: bool = True,
        save_weights_only: bool = False,
        auto_insert_metric_name: bool = True,
        every_n_epochs: int | None = None,
        every_n_train_steps: int | None = None,
        every_n_minutes: float | None = None,
        save_on_train_epoch_end: bool | None = None,
        verbose: bool = False,
    ) -> None:
        for name, value in (("every_n_train_steps", every_n_train_steps), ("every_n_minutes", every_n_minutes)):
            if value is not None and not (isinstance(value, int | float) and 0 < value < math.inf):
                raise ValueError(f"{name}={value} must be a number above 0, or null")
        if every_n_epochs is None and (monitor or not (every_n_train_steps or every_n_minutes)):
            every_n_epochs = 1
        super().__init__(
            dirpath=dirpath,
            filename=filename,
            monitor=monitor,
            mode=mode,
            save_top_k=save_top_k,
            save_last=save_last,
            save_weights_only=save_weights_only,
            auto_insert_metric_name=auto_insert_metric_name,
            every_n_epochs=every_n_epochs or 0,
            save_on_train_epoch_end=save_on_train_epoch_end,
            verbose=verbose,
        )
        self._check_filename(filename)
        self.every_n_train_steps, self.every_n_minutes = every_n_train_steps, every_n_minutes
        # Metrics of a validation whose weights may be among the best.
        self._to_choose_from: dict[str, Tensor] | None = None
        self._due = False  # last.ckpt is
        self._saved_at = time.monotonic()
        self._asked_at_step = 0

    def _check_filename(self, filename: str | None) -> None:
        """Before anything is trained: it would be filled in, and fail, after an epoch."""
        try:
            name = Path(self.format_checkpoint_name({})).name if filename else ""
        except (ValueError, LookupError, AttributeError, TypeError) as error:
            raise ValueError(f"filename={filename!r} can't be filled in ({error}): metrics stand in braces") from None
        if filename and ("/" in filename or filename == self.CHECKPOINT_NAME_LAST or len(name.encode()) > LONGEST_NAME):
            raise ValueError(
                f"filename={filename!r} must be a name of at most {LONGEST_NAME} bytes without a /, and not "
                f"{self.CHECKPOINT_NAME_LAST}"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._saved_at, self._asked_at_step = time.monotonic(), trainer.global_step
        self._remove_dropped(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step, every = trainer.global_step, self.every_n_train_steps
        self._due |= bool(every and step % every == 0 and step != self._asked_at_step)
        self._asked_at_step = step
        # Under several processes the first one's clock decides, and asking it is not free.
        if self.every_n_minutes and (trainer.world_size == 1 or batch_idx % 10 == 0):
            late = time.monotonic() - self._saved_at >= 60 * self.every_n_minutes
            self._due |= trainer.strategy.broadcast(late)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._note_epoch(trainer, at_its_end=False)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._note_epoch(trainer, at_its_end=True)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """What is due by then was saved between the batches; this is no moment of its own."""

    def _note_epoch(self, trainer: Trainer, at_its_end: bool) -> None:
        last = is_over(trainer)
        looks = not self.to_skip(trainer) and (last or self.looks_at_epochs_end(trainer) == at_its_end)
        if (self.monitor or "").startswith("val_") and not is_validated(trainer):
            return  # what there is was measured of earlier weights
        if looks and (last or self.is_epochs_turn(trainer)):
            self._to_choose_from = self.candidates(trainer)

    def save_due(self, trainer: Trainer, whatever: bool = False) -> None:
        """Write what is due, with `whatever` at least last.ckpt. The training is between two batches, or at its end."""
        metrics, due = self._to_choose_from, self._due
        self._to_choose_from, self._due = None, False
        if self.to_skip(trainer) or not (metrics or due or whatever):
            return
        self.taken = []  # what is written under these names is to know all that was decided
        if metrics:
            self.choose(trainer, metrics)
        elif due and self.monitor is None:
            self.choose(trainer, self.candidates(trainer))
        if self.save_last:
            self.taken.append(self.format_checkpoint_name({}, self.CHECKPOINT_NAME_LAST))
        self._write(trainer, self.taken)
        self._saved_at = time.monotonic()
        self._remove_dropped(trainer)

    def check_monitor_top_k(self, trainer: Trainer, current: Tensor | None = None) -> bool:
        if super().check_monitor_top_k(trainer, current):
            return True
        as_good = current is not None and bool(current == self.best_k_models[self.kth_best_model_path])
        return trainer.strategy.reduce_boolean_decision(as_good)

    def _write(self, trainer: Trainer, names: list[str]) -> None:
        for name in names:
            # last.ckpt comes last: before it nothing counts on the others.
            if name != names[0] and trainer.strategy.broadcast(os.path.isfile(names[0])):
                if trainer.is_global_zero:
                    replace_file(Path(name), partial(shutil.copyfile, names[0]))
            else:
                trainer.save_checkpoint(name, self.save_weights_only)
        if trainer.is_global_zero:
            for logger in trainer.loggers:
                logger.after_save_checkpoint(proxy(self))

    def file_exists(self, filepath: Any, trainer: Trainer) -> bool:
        """Whether the name is taken. A file that the run doesn't know of is what it wrote before it was killed."""
        return str(filepath) in {*self.best_k_models, self.best_model_path}

    def _remove_dropped(self, trainer: Trainer) -> None:
        # Not before last.ckpt says so: until then a run that is killed goes on from one that still counts on it.
        for path in self.dropped:
            trainer.strategy.remove_checkpoint(path)
        self.dropped = []

    def state_dict(self) -> dict[str, Any]:
        """Paths as they are seen from the folder, which may be moved; no trace of where a run was stopped."""
        state = {**super().state_dict(), "dirpath": None, "last_model_path": "", "obsolete": self.dropped}
        return _in_folder("", state)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        state = _in_folder(self.dirpath or ".", {**state_dict, "dirpath": self.dirpath})
        super().load_state_dict(state)
        self.current_score, self.dropped = state["current_score"], state["obsolete"]


def _in_folder(folder: str | Path, state: dict[str, Any]) -> dict[str, Any]:
    """The state with the same files in another folder, of which only names count: it can't reach out of that."""

    def moved(path: str) -> str:
        return str(Path(folder, Path(path).name)) if path else ""

    best = {moved(path): score for path, score in state["best_k_models"].items()}
    singles = {key: moved(state[key]) for key in ("best_model_path", "kth_best_model_path")}
    return {**state, **singles, "best_k_models": best, "obsolete": [moved(path) for path in state["obsolete"]]}


class BetweenBatches(Callback):
    """Lets checkpoints that are due be written before the next batch, and ends the run there if it is told to stop.

    It stands before all other callbacks: before any of them has done something for the next batch.
    """

    def __init__(self, stop: Stop) -> None:
        self.stop = stop

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.stop.wait_for_a_good_moment()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._stop_if_told(trainer, batch_idx)
        for checkpoints in _all_of(trainer):
            checkpoints.save_due(trainer)

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        # What is due waits for the next batch of training; a run that is to stop does not.
        if not trainer.sanity_checking:
            self._stop_if_told(trainer, batch_idx)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for checkpoints in _all_of(trainer):
            checkpoints.save_due(trainer, whatever=True)
        self.stop.wait_no_longer()

    def _stop_if_told(self, trainer: Trainer, batch_idx: int) -> None:
        stops = self.stop.asked
        if trainer.world_size > 1:
            # Processes that train together stop together, or some would wait for ever. Asking each other takes time.
            stops = batch_idx % 10 == 0 and trainer.strategy.reduce_boolean_decision(stops, all=False)
        if not stops:
            return
        self.stop.saving()
        for checkpoints in _all_of(trainer):
            checkpoints.save_due(trainer, whatever=True)
        self.stop.now()


def _all_of(trainer: Trainer) -> list[Checkpoints]:
    return [one for one in trainer.checkpoint_callbacks if isinstance(one, Checkpoints)]
