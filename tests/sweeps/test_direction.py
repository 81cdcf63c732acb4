"""Small losses are good: what runs keep, what sweeps crown, what Optuna looks for. A metric of one's own says it."""

import csv
import json
from pathlib import Path

import optuna
import pytest
from conftest import Cli
from test_bad_input import assert_clear

from sweepformer.analysis.comparison.comparison import Comparison, compare
from sweepformer.runs.directory import RunDirectory
from sweepformer.runs.finding import find

# The higher rate is better by far, and so is its loss.
RATES = ("optimizer.lr=1e-6,1e-2", "trainer.max_epochs=4", "model.wide.enabled=false")
OWN = ("allowed_packages=[own_task]", "task._target_=own_task.Counting", "task.monitor=val_own")


def losses(sweep: Path) -> dict[str, float]:
    summaries = {path.parent.name: json.loads(path.read_text()) for path in sweep.glob("*/summary.json")}
    return {name: summary["metrics"]["val_loss"] for name, summary in summaries.items()}


def test_a_sweep_by_the_loss_crowns_the_smallest(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    result = cli("-m", *tiny, *RATES, "name=s", "sweep.metric=val_loss")
    assert result.code == 0, result.screen
    sweep = tmp_path / "multirun" / "s"
    found = losses(sweep)
    best = min(found, key=found.__getitem__)
    assert "lr=0.01" in best
    rows = list(csv.DictReader((sweep / "leaderboard.csv").open()))
    assert [row["run"] for row in rows] == sorted(found, key=found.__getitem__)
    text = (sweep / "README.md").read_text()
    assert f"The best run is `{best}`" in text
    assert "Ranked by val_loss, the smallest first." in text
    assert "Ranking by val_loss, the smallest first" in result.out
    chosen = find(sweep)
    assert chosen.run is not None
    assert chosen.run.path.name == best
    assert f"the best of 2 runs by val_loss ({found[best]:.4f})" in chosen.chosen
    compared = compare([sweep], "val_loss")
    assert isinstance(compared, Comparison)
    assert compared.best.path.name == best


def test_a_run_by_the_loss_keeps_the_lowest(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    # Ever larger steps: the loss falls, then rises.
    rising = ("scheduler=constant", "scheduler.warmup=0", "optimizer.lr=3e-2", "callbacks.early_stopping=null")
    command = (*tiny, *rising, "trainer.max_epochs=6", "task.monitor=val_loss", "logger=csv")
    result = cli(*command, "model.wide.enabled=false", "callbacks.checkpoint.save_top_k=2")
    assert result.code == 0, result.screen
    rows = csv.DictReader((tmp_path / "run" / "metrics.csv").open())
    by_epoch = {int(row["epoch"]): float(row["val_loss"]) for row in rows if row["val_loss"]}
    order = sorted(by_epoch, key=by_epoch.__getitem__)
    kept = sorted(path.name[12:14] for path in (tmp_path / "run" / "checkpoints").glob("model-*"))
    assert kept == sorted(f"{epoch:02d}" for epoch in order[:2])
    assert f"epoch={order[0]:02d}" in result.summary["best_checkpoint"]
    config = RunDirectory(tmp_path / "run").read_config() or {}
    modes = {name: one.get("mode") for name, one in config["callbacks"].items() if one and "monitor" in one}
    assert (config["task"]["mode"], modes) == ("min", {"checkpoint": "min"})


def test_optuna_minimises_a_loss_and_several_metrics_each_in_its_own_way(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    command = ("-m", *tiny, *RATES[1:], "hydra/sweeper=optuna", "hydra.sweeper.n_trials=2")
    space = ("optimizer.lr=choice(1e-6,1e-2)", "hydra/sweeper/sampler=random")
    result = cli(*command, *space, "name=o", "hydra.sweeper.metrics=val_loss", "hydra.sweeper.sampler.seed=1")
    assert result.code == 0, result.screen
    study = optuna.load_study(study_name="o", storage=f"sqlite:///{tmp_path}/multirun/o/optuna.db")
    assert study.direction is optuna.study.StudyDirection.MINIMIZE
    assert study.best_value == pytest.approx(min(losses(tmp_path / "multirun" / "o").values()))
    both = cli(*command, *space, "name=b", "hydra.sweeper.metrics=[val_acc,val_loss,parameters]")
    assert both.code == 0, both.screen
    study = optuna.load_study(study_name="b", storage=f"sqlite:///{tmp_path}/multirun/b/optuna.db")
    assert [one.name for one in study.directions] == ["MAXIMIZE", "MINIMIZE", "MINIMIZE"]


def test_a_metric_of_ones_own_needs_a_mode(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    assert_clear(cli(*tiny, *OWN), "task.monitor=val_own", "task.mode=max", "task.mode=min")
    words = ("sweep.metric=val_other", "sweep.mode=max", "sweep.mode=min")
    assert_clear(cli("-m", *tiny, *OWN, "task.mode=min", "seed=1,2", "sweep.metric=val_other"), *words)
    stopping = ("callbacks.early_stopping.monitor=val_other", "hydra.run.dir=" + str(tmp_path / "other"))
    assert_clear(cli(*tiny, *OWN, "task.mode=min", *stopping), "early_stopping.monitor=val_other", "mode=max")


@pytest.mark.parametrize(("mode", "best"), [("min", "00"), ("max", "02")])
def test_a_metric_of_ones_own_goes_by_the_mode_of_the_task(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path, mode: str, best: str
) -> None:
    follows = ("scheduler=plateau", "scheduler.monitor=val_own", "callbacks.early_stopping=null")
    command = ("-m", *tiny, *OWN, f"task.mode={mode}", *follows, "trainer.max_epochs=3", "name=s", "seed=1")
    result = cli(*command)
    assert result.code == 0, result.screen
    sweep = tmp_path / "multirun" / "s"
    run = RunDirectory(next(sweep.glob("0-*")))
    assert run.result is not None
    assert f"epoch={best}" in str(run.result.best_checkpoint)
    assert json.loads((sweep / "sweep.json").read_text())["mode"] == mode
    config = run.read_config() or {}
    assert {config["callbacks"]["checkpoint"]["mode"], config["scheduler"]["mode"]} == {mode}
