"""Values drawn by Optuna: the total counts, nothing is lost or drawn twice, failures are told."""

import json
from pathlib import Path

import optuna
import pytest
from conftest import Cli, statuses
from forked_commands import Start
from hydra.core.override_parser.overrides_parser import OverridesParser
from moments import HELD
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from test_bad_input import assert_clear
from test_resume import Hold

from sweepformer.errors import UserError
from sweepformer.sweeps.space import distribution

OPTUNA = ("hydra/sweeper=optuna", "name=o", "optimizer.lr=tag(log,interval(1e-4,1e-2))", "model.num_heads=1,2,4")


def study(tmp_path: Path) -> optuna.Study:
    return optuna.load_study(study_name="o", storage=f"sqlite:///{tmp_path}/multirun/o/optuna.db")


def test_n_trials_is_the_total_and_a_seeded_sampler_draws_no_trial_twice(
    shell: Cli, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    first = shell("-m", *tiny, *OPTUNA, "hydra.sweeper.n_trials=2")
    assert first.code == 0, first.screen
    assert "Best trial" in first.out
    again = shell("-m", *tiny, *OPTUNA, "hydra.sweeper.n_trials=3")
    assert again.code == 0, again.screen
    trials = study(tmp_path).trials
    assert len(trials) == 3
    assert len({trial.params["optimizer.lr"] for trial in trials}) == 3
    done = {json.loads(path.read_text())["metrics"]["val_acc"] for path in tmp_path.glob("multirun/o/*/summary.json")}
    assert {trial.value for trial in trials} == done
    assert "What Optuna found" in (tmp_path / "multirun" / "o" / "README.md").read_text()
    third = shell("-m", *tiny, *OPTUNA, "hydra.sweeper.n_trials=3")
    assert third.code == 0
    assert len(study(tmp_path).trials) == 3


def test_a_killed_study_finishes_its_interrupted_trial(
    start: Start, shell: Cli, tiny: tuple[str, ...], tmp_path: Path, hold: Hold
) -> None:
    command = ("-m", *tiny, *HELD, *OPTUNA, "hydra.sweeper.n_trials=2")
    first = hold("0-")
    process = start(*command)
    first.wait()
    process.kill()
    assert [trial.state.name for trial in study(tmp_path).trials] == ["RUNNING"]
    first.let_go()
    again = shell(*command)
    assert again.code == 0, again.screen
    assert "going on from" in again.out
    assert [trial.state.name for trial in study(tmp_path).trials] == ["COMPLETE", "COMPLETE"]


def test_failed_trials_are_told_and_tried_again(shell: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    space = ("hydra/sweeper=optuna", "name=o", "model.num_heads=3,5", "hydra.sweeper.n_trials=2")
    result = shell("-m", *tiny, *space)
    assert result.code == 1
    assert {trial.state.name for trial in study(tmp_path).trials} == {"FAIL"}
    assert set(statuses(tmp_path / "multirun" / "o").values()) == {"failed"}
    again = shell("-m", *tiny, *space, "model.embedding_dim=30")  # both divide it: the same directories, mended
    assert again.code == 0, again.screen
    states = [trial.state.name for trial in study(tmp_path).trials]
    assert states == ["FAIL", "FAIL", "COMPLETE", "COMPLETE"]  # Optuna's own records are for good
    assert "2 of 2 trials are done already" in shell("-m", *tiny, *space, "model.embedding_dim=30").out


def test_a_killed_worker_costs_its_own_trial_only(shell: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    bad = (
        "allowed_packages=[misbehaving]",
        "+callbacks.bad._target_=misbehaving.Misbehave",
        "+callbacks.bad.kind=none,sigkill",
        "trainer.max_epochs=2",
    )
    optuna_ = (*OPTUNA[:3], "hydra.sweeper.n_trials=4", "hydra/sweeper/sampler=random")
    result = shell("-m", *tiny, *bad, *optuna_, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert result.code == 1, result.screen
    became = [(trial.params["+callbacks.bad.kind"], trial.state.name) for trial in study(tmp_path).trials]
    assert len(became) == 4
    assert set(became) == {("none", "COMPLETE"), ("sigkill", "FAIL")}


def test_a_study_keeps_its_config_its_space_and_its_metrics(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    def more(*overrides: str) -> Cli:
        return cli("-m", *tiny, "hydra/sweeper=optuna", "name=o", "hydra.sweeper.n_trials=2", *overrides)

    assert more("model.num_heads=1,2", "hydra.sweeper.n_trials=1").code == 0
    assert_clear(more("model.num_heads=1,2", "trainer.max_epochs=2"), "trainer.max_epochs: 1 there, 2 now")
    assert_clear(more("model.num_heads=1,4"), "model.num_heads was drawn from one of 1, 2", "one of 1, 4")
    assert_clear(more("model.num_heads=1,2", "hydra.sweeper.metrics=val_f1"), "looks for ['val_acc']", "val_f1")
    last = more("model.num_heads=1,2")
    assert last.code == 0, last.screen
    assert "1 of 2 trials are done already" in last.out
    assert "ExperimentalWarning" not in last.screen
    assert len(study(tmp_path).trials) == 2


def test_until_a_trial_has_a_result_the_metric_can_be_put_right(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    one = ("hydra/sweeper=optuna", "name=o", "model.num_heads=3,5", "hydra.sweeper.n_trials=1")
    assert cli("-m", *tiny, *one, "hydra.sweeper.metrics=val_f1").code == 1
    mended = cli("-m", *tiny, *one, "model.embedding_dim=30")
    assert mended.code == 0, mended.screen
    assert study(tmp_path).metric_names == ["val_acc"]


def test_sweeps_that_share_a_study_begin_at_once_and_draw_different_trials(
    start: Start, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/shared.db"
    shared = (
        *OPTUNA[:1],
        f"hydra.sweeper.storage={database}",
        "hydra.sweeper.study_name=o",
        "hydra.sweeper.n_trials=4",
    )
    sweeps = [start("-m", *tiny, *shared, OPTUNA[2], f"name={name}") for name in ("left", "right")]
    assert [sweep.wait(200) for sweep in sweeps] == [0, 0], [sweep.screen for sweep in sweeps]
    trials = optuna.load_study(study_name="o", storage=database).get_trials(states=[TrialState.COMPLETE])
    assert len(trials) == 4
    assert len({trial.params["optimizer.lr"] for trial in trials}) == 4
    assert {Path(trial.user_attrs["sweep"]).name for trial in trials} == {"left", "right"}


def test_several_objectives(shell: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    two = ("hydra.sweeper.metrics=[val_acc,parameters]", "hydra.sweeper.direction=[maximize,minimize]")
    result = shell("-m", *tiny, *OPTUNA[:2], "model.num_layers=range(1,3)", *two, "hydra.sweeper.n_trials=2")
    assert result.code == 0, result.screen
    assert all(len(trial.values) == 2 for trial in study(tmp_path).trials)
    assert "none is better in every metric" in result.out


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("a=interval(0,1)", FloatDistribution(0.0, 1.0)),
        ("a=tag(log,interval(1e-4,1e-2))", FloatDistribution(1e-4, 1e-2, log=True)),
        ("a=int(interval(1,8))", IntDistribution(1, 8)),
        ("a=range(1,4)", IntDistribution(1, 3)),  # as in a grid, the end is not a value
        ("a=range(2,9,2)", IntDistribution(2, 8, step=2)),
        ("a=x,y", CategoricalDistribution(["x", "y"])),
    ],
)
def test_hydras_grammar_is_what_is_drawn_from(override: str, expected: object) -> None:
    assert distribution(OverridesParser.create().parse_overrides([override])[0]) == expected


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(UserError, match="no value"):
        distribution(OverridesParser.create().parse_overrides(["a=range(4,1)"])[0])
