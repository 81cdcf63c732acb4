"""A baseline leaves what every run leaves, and stands beside the others in a sweep."""

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from conftest import Cli, statuses


def test_a_baseline_is_a_run(cli: Cli, tiny: tuple[str, ...]) -> None:
    overrides = [override for override in tiny if not override.startswith("model")]
    overrides += ["logger=tensorboard"]
    result = cli(*overrides, "model=tfidf")
    assert result.code == 0, result.screen
    summary = result.summary
    assert (summary["status"], summary["metrics"]["test_acc"]) == ("completed", 1.0)
    assert {"val_loss", "val_acc", "val_f1", "test_loss", "test_f1"} <= summary["metrics"].keys()
    predictions = pyarrow.parquet.read_table(result.directory / "predictions.parquet").to_pandas()
    assert (predictions.label == predictions.prediction).mean() == 1
    assert list((result.directory / "tensorboard").iterdir())
    with np.load(result.directory / summary["best_checkpoint"], allow_pickle=False) as learned:
        assert "weights" in learned
    assert "nothing to do" in cli(*overrides, "model=tfidf").out


def test_options_of_training_do_not_hinder_a_baseline_and_are_told(cli: Cli, tiny: tuple[str, ...]) -> None:
    overrides = [override for override in tiny if not override.startswith("model")]
    result = cli(
        *overrides,
        "model=majority",
        "task.mixup=0.2",
        "task.r_drop=1",
        "task.class_weights=balanced",
        "task.label_smoothing=0.1",
    )
    assert result.code == 0, result.screen
    told = "task.label_smoothing=0.1, task.class_weights=balanced, task.r_drop=1.0, task.mixup=0.2\n"
    assert f"no effect on Majority: {told}" in result.out
    silent = cli(*overrides, "model=majority", "hydra.run.dir=silent")
    assert "no effect" not in silent.out


def test_baselines_and_transformers_share_a_leaderboard(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    overrides = [override for override in tiny if not override.startswith("model")]
    result = cli("-m", *overrides, "name=beside", "model=majority,tfidf,bag_of_ngrams,tiny", "trainer.max_epochs=2")
    assert result.code == 0, result.screen
    sweep = tmp_path / "multirun" / "beside"
    assert set(statuses(sweep).values()) == {"completed"}
    with (sweep / "leaderboard.csv").open(encoding="utf-8") as file:
        ranked = [row["model"] for row in csv.DictReader(file)]
    assert set(ranked) == {"majority", "tfidf", "bag_of_ngrams", "tiny"}
    assert ranked.index("tfidf") < ranked.index("majority")


@pytest.mark.parametrize(
    ("override", "words"),
    [("model.ngrams=[3,1]", ["ngrams", "[1,2]"]), ("model.c_grid=[]", ["c_grid"]), ("model.typo=1", ["typo"])],
)
def test_mistakes_are_named(cli: Cli, tiny: tuple[str, ...], override: str, words: list[str]) -> None:
    overrides = [one for one in tiny if not one.startswith("model")]
    result = cli(*overrides, "model=tfidf", override)
    assert result.code == 1
    assert all(word in result.screen for word in words)
    assert "Traceback" not in result.screen
