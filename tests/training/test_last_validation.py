"""However training comes to its end, what it has learned by then is validated, and may be the best."""

import csv
import os
from pathlib import Path

import pytest
from conftest import Cli

from sweepformer.errors import UserError
from sweepformer.files.checkpoints import read_checkpoint
from sweepformer.runs.finding import find


@pytest.mark.parametrize(
    ("options", "step", "epoch"),  # of 8 steps an epoch
    [
        (("trainer.max_steps=3",), 3, 0),
        (("trainer.max_epochs=2", "trainer.max_steps=11"), 11, 1),
        (("trainer.max_epochs=3", "trainer.check_val_every_n_epoch=2"), 24, 2),
        (("trainer.val_check_interval=5",), 8, 0),
        (("trainer.limit_train_batches=3", "trainer.val_check_interval=2"), 3, 0),
        (("trainer.max_steps=4", "trainer.strategy=ddp_fork", "trainer.devices=2"), 4, 0),
        (("trainer.max_steps=3", "callbacks=ema"), 3, 0),
        (
            ("trainer.max_epochs=9", "trainer.check_val_every_n_epoch=5", "callbacks.early_stopping.monitor=train_loss",
             "++callbacks.early_stopping.check_on_train_epoch_end=true", "callbacks.early_stopping.patience=1",
             "callbacks.early_stopping.min_delta=99"),
            16, 1,
        ),
    ],
    ids=["steps", "more-steps", "epochs", "batches", "limit", "ddp", "ema", "stops-early"],
)  # fmt: skip
def test_training_that_ends_between_validations(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path, options: tuple[str, ...], step: int, epoch: int
) -> None:
    result = cli(*tiny, *options, "logger=csv", "trainer.log_every_n_steps=1", "callbacks.checkpoint.save_top_k=-1")
    assert result.code == 0, result.screen
    summary = result.summary
    checkpoints = [read_checkpoint(path) for path in (tmp_path / "run" / "checkpoints").glob("model-*.ckpt")]
    (last,) = (one for one in checkpoints if one["global_step"] == step)
    assert last["sweepformer"]["metrics"].keys() >= {"val_acc", "val_loss"}
    assert float(last["state_dict"]["temperature"]) != 1, "fitted"
    assert len({one["global_step"] for one in checkpoints}) == len(checkpoints), "each once"
    if len(checkpoints) == 1:
        assert f"epoch={epoch:02d}-" in summary["best_checkpoint"]
    assert (summary["steps"], summary["epochs"], summary["status"]) == (step, epoch + 1, "completed")
    assert "val_acc" in result.out.split("Result")[0]
    assert "could not find" not in result.screen
    log = "metrics.1.csv" if "trainer.devices=2" in options else "metrics.csv"
    rows = [row for row in csv.DictReader((tmp_path / "run" / log).open()) if row.get("val_loss")]
    assert (rows[-1]["epoch"], rows[-1]["step"]) == (str(epoch), str(step - 1))


def test_without_validation_there_is_none(cli: Cli, tiny: tuple[str, ...]) -> None:
    result = cli(*tiny, "trainer.limit_val_batches=0", "trainer.max_steps=3")
    assert result.code == 0, result.screen
    assert "the test uses the last weights" in result.out
    assert "could not find" not in result.screen
    assert not {"val_acc", "val_loss"} & result.summary["metrics"].keys()


def test_a_run_that_ends_gives_no_time_up(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    """A rung after an epoch has reports of whole epochs only."""
    sweep = ("-m", "seed=0,1,2", "callbacks=halving", "trainer.max_steps=3", "name=sweep")
    assert cli(*sweep, *tiny).code == 0
    assert not list(tmp_path.rglob(".halving/*/*.json"))
    assert len(list(tmp_path.rglob("model-*.ckpt"))) == 3


def test_a_run_without_a_checkpoint_says_so_and_offers_no_prediction(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    result = cli(*tiny, "+trainer.fast_dev_run=true", f"hydra.run.dir={tmp_path}/quick")
    assert result.code == 0, result.screen
    assert "src.predict" not in result.out
    with pytest.raises(UserError, match="this run wrote no checkpoint"):
        find(tmp_path / "quick")


def test_srun_on_the_path_is_no_news(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    srun = tmp_path / "bin" / "srun"
    srun.write_text("#!/bin/sh\nexit 1\n")
    srun.chmod(0o755)
    monkeypatch.setenv("PATH", f"{srun.parent}{os.pathsep}{os.environ['PATH']}")
    result = cli(*tiny, "trainer.max_epochs=1")
    assert result.code == 0, result.screen
    assert "`srun`" not in result.screen
