"""What a run leaves in its directory and on the screen before it trains: its rows, and what was decided."""

import pytorch_lightning as pl
import torch

from sweepformer.data.data_module import RowsDataModule
from sweepformer.data.store import Store
from sweepformer.files.atomic import write_text
from sweepformer.training.attempt import Attempt
from sweepformer.training.building import Training
from sweepformer.training.plan import Plan
from sweepformer.training.screen import print_plan, print_rows, print_to_beat, print_tokens


def record_plan(plan: Plan, store: Store, data: RowsDataModule, attempt: Attempt) -> None:
    """Write `plan.yaml`, tokenizer and labels; show them."""
    if not attempt.is_first_process:
        return
    directory = attempt.directory
    write_text(directory.path / "plan.yaml", plan.as_yaml())
    write_text(directory.path / "tokenizer.json", store.tokenizer.to_str(pretty=True))
    directory.write_labels(store.classes)
    print_rows(store)
    print_tokens(store, data, plan.frequent)
    print_plan(plan.choices)
    if plan.kind.is_language_model:
        print_to_beat(store)


def record_environment(training: Training, attempt: Attempt, begins_with: str | None) -> None:
    """Write with what and where the run is trained."""
    trainer, config = training.trainer, attempt.request.config
    attempt.summary.effective_precision = str(trainer.precision)
    if attempt.is_first_process:
        attempt.directory.write_environment(
            seed=config["seed"],
            device=_device_name(trainer),
            processes=trainer.world_size,
            effective_precision=attempt.summary.effective_precision,
            begins_with=config["model"].get("init_from") or begins_with,
            **training.store.hashes,
        )


def _device_name(trainer: pl.Trainer) -> str:
    device = trainer.strategy.root_device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
