"""A schedule that looks at a metric."""

import sys

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn

from sweepformer.errors import UserError

NEVER = sys.maxsize  # as a schedule's `frequency`: it is not Lightning that moves it


class PlateauSteps(Callback):
    """Lets a schedule with a monitor look at each validation, whenever that comes.

    Lightning would ask it at the end of each epoch: of several validations in one it would miss all but the last, and
    where there was none it would be told the last one's result again, or fail for the lack of any.
    """

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking or trainer.state.fn is not TrainerFn.FITTING:
            return
        for one in trainer.lr_scheduler_configs:
            if not one.monitor or one.frequency != NEVER:
                continue
            if one.monitor not in trainer.callback_metrics:
                raise UserError(
                    f"scheduler.monitor={one.monitor}: there is no such metric after a validation. There are: "
                    f"{', '.join(sorted(trainer.callback_metrics))}."
                )
            pl_module.lr_scheduler_step(one.scheduler, trainer.callback_metrics[one.monitor])
