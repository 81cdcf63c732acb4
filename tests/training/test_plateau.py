"""A schedule that waits for a metric looks at each validation, whenever that comes."""

import csv
from pathlib import Path

import pytest
from conftest import Cli

from sweepformer.files.checkpoints import read_checkpoint

# No change is large enough: each look cuts the rate.
EACH_LOOK_CUTS = (
    "scheduler=plateau", "scheduler.patience=0", "scheduler.factor=0.5", "++scheduler.threshold=1000",
    "++scheduler.min_lr=0", "++scheduler.eps=0", "callbacks.early_stopping=null", "logger=csv", "optimizer.lr=1.0e-4",
    "trainer.log_every_n_steps=1", "model.wide.enabled=false",
)  # fmt: skip


@pytest.mark.parametrize(
    ("options", "validations"),
    [
        ((), 4),
        (("trainer.val_check_interval=0.25",), 16),
        (("trainer.check_val_every_n_epoch=2",), 2),
        (("trainer.check_val_every_n_epoch=3",), 2),  # and at the end of training
        (("trainer.val_check_interval=5", "trainer.check_val_every_n_epoch=null"), 7),
        (("trainer.max_steps=13", "trainer.val_check_interval=0.5"), 4),
        (("trainer.val_check_interval=0.5", "trainer.accumulate_grad_batches=3"), 8),
    ],
    ids=["epoch", "quarters", "every-second", "every-third", "steps", "ends-amid", "accumulated"],
)
def test_it_looks_at_each_validation(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path, options: tuple[str, ...], validations: int
) -> None:
    result = cli(*tiny, *EACH_LOOK_CUTS, "trainer.max_epochs=4", *options)
    assert result.code == 0, result.screen
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").open()))
    looked = [int(row["step"]) for row in rows if row["val_loss"]]
    rate = next(key for key in rows[0] if key.startswith("lr-"))
    rates = {int(row["step"]): float(row[rate]) for row in rows if row[rate]}
    assert len(looked) == validations
    last = read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert last["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(1e-4 * 0.5**validations)
    if "trainer.accumulate_grad_batches=3" not in options:  # then a step's rate is logged for each of its batches
        for step, found in rates.items():
            assert found == pytest.approx(1e-4 * 0.5 ** sum(seen < step for seen in looked)), (step, looked)


def test_it_may_follow_a_metric_of_training(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    follows = ("scheduler.monitor=train_loss", "trainer.check_val_every_n_epoch=3")
    result = cli(*tiny, *EACH_LOOK_CUTS, *follows, "trainer.max_epochs=4")
    assert result.code == 0, result.screen
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").open()))
    rate = next(key for key in rows[0] if key.startswith("lr-"))
    assert sorted({float(row[rate]) for row in rows if row[rate]}) == pytest.approx([1.25e-5, 2.5e-5, 5e-5, 1e-4])
