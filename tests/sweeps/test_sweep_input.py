"""Mistakes in a sweep's command end in one message, before anything is trained."""

from pathlib import Path

import pytest
from conftest import EXPERIMENTS, Cli, statuses
from test_bad_input import assert_clear

OPTUNA = ("hydra/sweeper=optuna", "model.num_heads=1,2")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["optimizer.lr=interval(0,1)"], ["interval(0,1)", "hydra/sweeper=optuna"]),
        (["model.num_heads=range(4,1)"], ["range(4,1)", "no value"]),
        (["model.num_heads=2,many"], ["model.num_heads", "many"]),
        (["model.num_heads=1,2", "hydra/launcher=jolib"], ["jolib", "joblib"]),
        (["hydra/sweeper=optuna"], ["nothing to vary"]),
        (["hydra/sweeper=optuna", "model.num_heads=1,2", "hydra.sweeper.direction=up"], ["direction=up", "maximize"]),
        (["hydra/sweeper=optuna", "model.num_heads=1,two"], ["model.num_heads", "two"]),
        (["hydra/sweeper=optuna", "model.num_heads=1,2", "hydra.sweeper.storage=nowhere"], ["storage=nowhere"]),
        ([*OPTUNA, "hydra.sweeper.storage=5"], ["hydra.sweeper.storage=5", "sqlite:///"]),
        (
            [*OPTUNA, "hydra.sweeper.storage=postgresql://localhost/x"],
            ["//localhost/x", "psycopg", "pip install"],
        ),
        ([*OPTUNA, "hydra.sweeper.sampler=random"], ["hydra/sweeper/sampler=random"]),
        ([*OPTUNA, "hydra.sweeper.n_trials=0"], ["hydra.sweeper.n_trials=0", "at least 1"]),
        ([*OPTUNA, "hydra.sweeper.n_trials=many"], ["hydra.sweeper.n_trials=many"]),
        ([*OPTUNA, "+hydra.sweeper.n_trial=1"], ["Did you mean hydra.sweeper.n_trials?"]),
        ([*OPTUNA, "hydra.sweeper.n_trial=1"], ["hydra.sweeper.n_trial:", "Did you mean hydra.sweeper.n_trials?"]),
        (["model.num_heads=1,2", "hydra.launcher.n_job=4"], ["Did you mean hydra.launcher.n_jobs?"]),
        (["seed=1,2", "sweep.metric=val_loss", "sweep.mode=max"], ["sweep.mode=max contradicts", "sweep.mode=min"]),
        (["seed=1,2", "sweep.metric=val_los"], ["sweep.metric=val_los", "Did you mean val_loss?"]),
        ([*OPTUNA, "hydra.sweeper.metrics=val_loss", "hydra.sweeper.direction=maximize"], ["small value", "minimize"]),
        ([*OPTUNA, "hydra.sweeper.metrics=epochs"], ["epochs", "direction=maximize", "direction=minimize"]),
        ([*OPTUNA, "hydra.sweeper.metrics=vall_acc"], ["metrics=vall_acc", "Did you mean val_acc?"]),
        (["model.num_heads=1,2", "name=a/b"], ["name"]),
        (["model.num_heads=1,2", "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"], ["ddp_fork"]),
        (["model.num_heads=1,2", "trainer.devices=2"], ["trainer.devices=2", "trainer.devices=1", "ddp_fork"]),
    ],
)
def test_mistake_is_named(cli: Cli, tiny: tuple[str, ...], overrides: list[str], words: list[str]) -> None:
    assert_clear(cli("-m", *tiny, *overrides), *words)


def test_one_process_of_several_is_no_place_for_a_sweep(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert_clear(cli("-m", *tiny, "name=rank", "model.num_heads=1,2"), "LOCAL_RANK=1")
    assert not (tmp_path / "multirun" / "rank").exists()


def test_a_missing_extra_is_named(cli: Cli, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweepformer.commands.command_check.find_spec", lambda module: None)
    assert_clear(cli("-m", *tiny, "model.num_heads=1,2", "hydra/launcher=ray"), "[ray]", "pip install")


def test_a_broken_storage_is_named(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "multirun" / "o").mkdir(parents=True)
    (tmp_path / "multirun" / "o" / "optuna.db").write_text("not a database" * 100)
    assert_clear(cli("-m", *tiny, "name=o", "hydra/sweeper=optuna", "model.num_heads=1,2"), "optuna.db")


def test_a_misspelt_metric_costs_no_run(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    assert_clear(cli("-m", *tiny, *OPTUNA, "name=o", "hydra.sweeper.metrics=vall_acc"), "Did you mean val_acc?")
    assert not list((tmp_path / "multirun" / "o").glob("*"))


def test_dry_run_lists_the_runs_and_starts_none(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    result = cli("-m", *tiny, "name=dry", "model.num_heads=1,2,3", "sweep.dry_run=true")
    assert result.code == 0, result.screen
    assert "3 would be trained, 0 have their result" in result.out
    assert "model.num_heads=3 doesn't" in " ".join(result.out.split())
    assert not list((tmp_path / "multirun" / "dry").glob("*"))


def test_dry_run_leaves_what_there_is(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    sweep = ("-m", *tiny, "name=dry", "model.num_heads=3,5")
    assert cli(*sweep).code == 1
    dry = cli(*sweep, "optimizer.lr=0.5", "sweep.dry_run=true")
    assert dry.code == 0, dry.screen
    assert statuses(tmp_path / "multirun" / "dry") == {"model.num_heads=3": "failed", "model.num_heads=5": "failed"}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_would_run(cli: Cli, name: str) -> None:
    result = cli("-m", f"experiment={name}", "sweep.dry_run=true", "hydra/launcher=basic")
    assert result.code == 0, result.screen
    assert "would be trained" in result.out or "trials of" in result.out
