"""What a training that stops between two batches leaves open, and Lightning's checkpoints don't hold."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from sweepformer.lightning_internals import batches_done, end_resuming, logged_steps, save_between_batches
from sweepformer.tasks.each_process import of_each, of_this


class LooseEnds(Callback):
    """Keeps in every checkpoint, and puts back: latest metrics, gradients of a step whose batches are not all done,
    whether training had ended early, and Lightning's own counters as they stand between two batches."""

    def __init__(self) -> None:
        self._trainer: Trainer | None = None
        self._restored: dict[str, Any] | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._trainer = trainer

    def state_dict(self) -> dict[str, Any]:
        trainer = self._trainer
        assert trainer is not None
        gradients = {
            name: parameter.grad.detach().cpu().clone()
            for name, parameter in trainer.lightning_module.named_parameters()
            if parameter.grad is not None and _is_within_a_step(trainer)
        }
        return {
            "metrics": {name: value.detach().cpu().clone() for name, value in trainer.callback_metrics.items()},
            "gradients": of_each(gradients),
            "ended": trainer.should_stop,
            "logged_steps": logged_steps(trainer),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._restored = state_dict

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        save_between_batches(trainer, checkpoint)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._restored is not None:
            trainer.callback_metrics.update(self._restored["metrics"])
            trainer.should_stop = trainer.should_stop or self._restored["ended"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._restored is not None:
            gradients = of_this(self._restored["gradients"])
            for name, parameter in pl_module.named_parameters():
                if (gradient := gradients.get(name)) is not None:
                    parameter.grad = gradient.to(parameter.device)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._go_on(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self._go_on(trainer)

    def _go_on(self, trainer: Trainer) -> None:
        """Lightning is past its resuming."""
        if self._restored is not None:
            end_resuming(trainer, self._restored["logged_steps"])
            self._restored = None


def _is_within_a_step(trainer: Trainer) -> bool:
    """Whether gradients of batches wait for others, of the same optimizer step."""
    completed = batches_done(trainer)
    return completed < trainer.num_training_batches and completed % trainer.accumulate_grad_batches != 0
