"""Mistakes in a sweep's command end in one message, before anything is trained."""

from collections.abc import Callable
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
        (["seed=1,2", "hydra.sweep.subdir=x"], ["hydra.sweep.subdir", "hydra.sweep.dir=..."]),
        (["model.dropout=0.1,0.2", "seed=${hydra:job.num}"], ["seed=${hydra:job.num}", "seed=1,2,3"]),
        (["seed=1,2", "+callbacks.checkpoint.dirpath='${hydra:runtime.output_dir}/x'"], ["checkpoint.dirpath=${hydra"]),
        (["scheduler=cosine,linear", "scheduler.final_ratoi=0.1"], ["Did you mean scheduler.final_ratio?"]),
        (
            ["scheduler=onecycle,constant", "scheduler.final_ratio=0.1"],
            ["scheduler.final_ratio: there is no such key here"],
        ),
        (["experiment=heads,learning_rate"], ["experiment=learning_rate", "OptunaSweeper", "by itself"]),
        ([*OPTUNA, "experiment=heads,depth"], ["experiment=heads is a sweep itself", "model.num_heads"]),
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


@pytest.fixture
def listed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Call with overrides of a sweep: what each of its runs' folders would be called, without the number."""

    def run(*overrides: str) -> list[str]:
        shown: list[list[str]] = []
        monkeypatch.setattr("sweepformer.sweeps.grid.table_text", lambda title, columns, rows: shown.extend(rows))
        result = cli("-m", *overrides, "sweep.dry_run=true", "hydra.sweep.dir=s")
        assert result.code == 0, result.screen
        return [row[-1].partition("-")[2] for row in shown]

    return run


def test_options_of_swept_choices_go_to_the_runs_that_have_them(
    cli: Cli, listed: Callable[..., list[str]], tiny: tuple[str, ...]
) -> None:
    both = (*tiny, "scheduler=cosine,constant")
    assert listed(*both, "scheduler.final_ratio=0.1") == ["scheduler=cosine", "scheduler=constant"]
    swept = listed(*both, "scheduler.final_ratio=0.1,0.2")
    ratios = ["scheduler=cosine,scheduler.final_ratio=0.1", "scheduler=cosine,scheduler.final_ratio=0.2"]
    assert swept == [*ratios, "scheduler=constant"]
    baseline = cli("-m", *tiny, "model=tiny,majority", "model.dropout=0.1", "sweep.dry_run=true")
    assert "model.dropout=0.1: left out of the runs that have no such key" in baseline.out


def test_experiments_that_are_sweeps_are_swept_together(
    listed: Callable[..., list[str]], tiny: tuple[str, ...]
) -> None:
    (data,) = [one for one in tiny if one.startswith("data.train_file=")]
    found = listed("model=small", "data=files", data, "experiment=heads,depth", "trainer.max_epochs=1")
    heads = [f"experiment=heads,model.num_heads={number}" for number in (1, 2, 4, 8)]
    assert found[:4] == heads
    # What both have in common is one run, and has its place by the first.
    assert all(one.startswith("experiment=depth,model.num_layers=") for one in found[4:])
    assert len(found) == 4 + 8 - 1


def test_interpolations_of_hydra_are_each_runs_own_and_found_again(cli: Cli, tiny: tuple[str, ...]) -> None:
    where = [one.replace("data.train_file=", "data.train_file='${hydra:runtime.cwd}/../") + "'" for one in tiny[-1:]]
    command = ("-m", *tiny, where[0].replace(str(Path.cwd()), Path.cwd().name), "hydra.sweep.dir=s", "scheduler=cosine")
    command += ("name='${hydra:runtime.choices.scheduler}'", "seed=1,2")
    assert cli(*command).code == 0
    assert "2 of 2 runs have their result already" in cli(*command).out


def test_one_run_of_an_experiment_that_is_a_sweep_says_so(cli: Cli, tiny: tuple[str, ...]) -> None:
    result = cli(*tiny, "+hydra.sweeper.params={seed: '1,2'}")
    assert result.code == 0, result.screen
    assert "one run of a sweep of seed: add -m" in result.out


def test_runs_of_a_sweep_share_no_folder_that_they_write_into(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    shared = (f"+callbacks.checkpoint.dirpath={tmp_path}/kept", "logger=csv", f"logger.csv.save_dir={tmp_path}/logs")
    result = cli("-m", *tiny, *shared, "seed=1,2", "name=apart")
    assert result.code == 0, result.screen
    for run in ("0-seed=1", "1-seed=2"):
        assert (tmp_path / "kept" / run / "last.ckpt").exists()
        assert list((tmp_path / "logs" / run).rglob("metrics.csv"))
