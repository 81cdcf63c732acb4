"""`--from-run`: a run is repeated from its directory alone, and whether the result is the same is said."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli, write_rows
from yaml import safe_dump, safe_load

from sweepformer.analysis.repetition.recorded import read_recorded
from sweepformer.errors import UserError
from sweepformer.runs.directory import RunDirectory


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a run is kept of which every test gets a copy."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def run(cli: Cli, tiny: tuple[str, ...], kept: Path, tmp_path: Path) -> Path:
    """A finished run on `rows.csv` beside it; its directory."""
    if not (kept / "first").exists():
        result = cli(*tiny, "model.dropout=0.25", "trainer.max_epochs=2", f"hydra.run.dir={kept / 'first'}")
        assert result.code == 0, result.screen
    shutil.copytree(kept / "first", tmp_path / "first")
    change(tmp_path / "first", "data", train_file=str(tmp_path / "rows.csv"))
    change_environment(tmp_path / "first", directory=str(tmp_path))
    return tmp_path / "first"


def config(run: Path) -> dict[str, Any]:
    return json.loads((run / ".hydra" / "config.json").read_text())


def change(run: Path, group: str, **values: Any) -> None:
    """Record other values of a group ("": of the whole config)."""
    for name, read, write in (("config.yaml", safe_load, safe_dump), ("config.json", json.loads, json.dumps)):
        path = run / ".hydra" / name
        content = read(path.read_text())
        (content[group] if group else content).update(values)
        path.write_text(write(content))


def change_environment(run: Path, **facts: Any) -> None:
    path = run / "environment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def test_a_repeated_run_comes_to_the_same(cli: Cli, run: Path) -> None:
    again = cli("--from-run", str(run))
    assert again.code == 0, again.screen
    assert "the same as first: " in again.out
    assert "bit-identical" in again.out
    assert "warning" not in again.out
    assert config(again.directory) == config(run)
    assert again.summary["overrides"] == json.loads((run / "summary.json").read_text())["overrides"]
    environment = json.loads((again.directory / "environment.json").read_text())
    assert environment["argv"][1:3] == ["--from-run", str(run)]
    assert environment["threads"] >= 1
    assert len(environment["data_hash"]) == len(environment["tokenizer_hash"]) == 16
    once_more = cli(f"--from-run={again.directory}", f"hydra.run.dir={run.parent / 'third'}")
    assert once_more.code == 0, once_more.screen
    assert "bit-identical" in once_more.out


def test_it_lands_among_other_runs_unless_told_otherwise(cli: Cli, run: Path, tmp_path: Path) -> None:
    assert cli("--from-run", str(run), "name=again").code == 0
    (again,) = (tmp_path / "outputs" / "again").iterdir()
    assert json.loads((again / "summary.json").read_text())["status"] == "completed"


def test_what_was_recorded_wins_over_what_conf_says_now(cli: Cli, run: Path) -> None:
    change(run, "scheduler", pct_start=0.2)
    change(run, "trainer", limit_predict_batches=3)  # no key of conf/
    change(run, "callbacks", early_stopping=None)
    again = cli("--from-run", str(run))
    assert config(again.directory) == config(run)
    assert again.code == 3  # the result in that directory is of other values
    assert "Not the same as first" in again.out


def test_overrides_come_on_top_and_references_follow_them(cli: Cli, run: Path) -> None:
    again = cli("--from-run", str(run), "optimizer.lr=0.02", "~callbacks.early_stopping")
    assert again.code == 0, again.screen  # another result is what was asked for
    assert config(again.directory)["scheduler"]["max_lr"] == 0.02
    assert "early_stopping" not in config(again.directory)["callbacks"]
    assert "weights, best" in again.out
    assert "optimizer.lr" in again.out
    assert again.summary["overrides"][-2:] == ["optimizer.lr=0.02", "~callbacks.early_stopping"]


def test_another_option_of_a_group_takes_the_place_of_what_was_recorded(cli: Cli, run: Path) -> None:
    typed = ("optimizer=sgd", "optimizer.momentum=0.5", "task=tagging", "callbacks=[minimal,ema]", "debug=fast")
    shown = safe_load(cli("--from-run", str(run), "--cfg", "job", *typed).out)
    assert shown["optimizer"]["_target_"] == "torch.optim.SGD"
    assert shown["optimizer"]["momentum"] == 0.5
    assert shown["tokenizer"] == config(run)["tokenizer"] | {"lowercase": False}  # which tagging asks for
    assert shown["callbacks"]["ema"]["decay"] == 0.999
    assert shown["trainer"] == config(run)["trainer"] | {
        "max_epochs": 1, "limit_train_batches": 2, "limit_val_batches": 2, "limit_test_batches": 2,
        "log_every_n_steps": 1,
    }  # fmt: skip
    assert shown["model"] == config(run)["model"]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("model.num_heads=3", "model.num_heads=3 doesn't divide"),
        ("model.num_heads=many", "many"),
        ("model.num_hedas=2", "Did you mean model.num_heads?"),
        ("experiment=heads", "experiment=heads is an experiment"),
        ("-m", "-m starts many"),
        ("--config-name=other", "--config-name=other asks for another"),
        ("--from-run=other", "takes one run's directory"),
    ],
)
def test_mistakes_end_in_one_message(cli: Cli, run: Path, override: str, words: str) -> None:
    result = cli("--from-run", str(run), f"hydra.run.dir={run.parent / 'again'}", override)
    assert result.code == 1
    assert words in result.screen
    assert "Traceback" not in result.screen


def test_a_run_is_not_repeated_into_itself(cli: Cli, run: Path) -> None:
    before = (run / "summary.json").read_text()
    result = cli("--from-run", str(run), f"hydra.run.dir={run}")
    assert result.code == 1
    assert "is the run that is to be repeated" in result.screen
    assert (run / "summary.json").read_text() == before


def test_what_is_no_run_is_refused(cli: Cli, tmp_path: Path, run: Path) -> None:
    assert f"there is no directory {tmp_path / 'nowhere'}" in cli("--from-run", "nowhere").err
    assert "takes one run's directory" in cli("hydra.run.dir=again", "--from-run").err
    result = cli("--from-run", str(tmp_path))
    assert result.code == 1
    assert f"name one:\n  {run}" in result.err
    (run / ".hydra" / "config.yaml").write_text("a: [")
    assert "config.yaml is damaged" in cli("--from-run", str(run)).err


def test_other_data_and_other_versions_are_named(cli: Cli, run: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.csv", 180)
    change_environment(run, versions={"torch": "2.0.0"}, threads=64)
    again = cli("--from-run", str(run))
    assert again.code == 3
    for words in ("Not the same as first", "test_loss", "data_hash", "versions.torch", "2.0.0", "threads"):
        assert words in again.out
    (tmp_path / "rows.csv").unlink()
    gone = cli("--from-run", str(run), f"hydra.run.dir={tmp_path / 'gone'}")
    assert gone.code == 1
    assert "rows.csv" in gone.err


def test_relative_paths_start_where_the_command_is_typed(
    cli: Cli, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(run, "data", train_file="rows.csv")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    result = cli("--from-run", str(run))
    assert result.code == 1
    assert f"data.train_file=rows.csv is not here, but in {tmp_path}" in result.out


def test_keys_of_other_versions(cli: Cli, run: Path) -> None:
    change_environment(run, versions={"sweepformer": "9.9"})
    for name in ("config.yaml", "config.json"):
        path = run / ".hydra" / name
        content = safe_load(path.read_text())
        del content["model"]["word_dropout"]
        path.write_text(json.dumps(content))
    older = cli("--from-run", str(run))
    assert older.code == 0, older.screen
    assert "new since that run was made, at its default: model.word_dropout=0.0" in older.out
    change(run, "model", number_of_wings=2)
    newer = cli("--from-run", str(run))
    assert newer.code == 1
    assert "model.number_of_wings: there is no such key in this version" in newer.err
    assert "sweepformer 9.9" in newer.err
    change(run, "", hydra={"run": {"dir": "/tmp/elsewhere"}})
    assert "hydra: there is no such key" in cli("--from-run", str(run)).err


def test_a_run_without_a_result_is_repeated_and_not_compared(cli: Cli, run: Path) -> None:
    (run / "summary.json").unlink()
    again = cli("--from-run", str(run))
    assert again.code == 0, again.screen
    assert "first has no result (unfinished): there is nothing to compare with" in again.out
    assert again.summary["status"] == "completed"


def test_without_checkpoints_metrics_are_compared(cli: Cli, run: Path) -> None:
    for path in (run / "checkpoints").iterdir():
        path.unlink()
    again = cli("--from-run", str(run))
    assert again.code == 0, again.screen
    assert "there are no weights to compare" in again.out


def test_weights_on_another_disk_are_compared(cli: Cli, run: Path, tmp_path: Path) -> None:
    (run / "checkpoints").rename(tmp_path / "disk")
    (run / "checkpoints").symlink_to(tmp_path / "disk")
    again = cli("--from-run", str(run))
    assert again.code == 0, again.screen
    assert "and the weights (best " in again.out


def test_a_run_of_a_sweep_is_repeated_by_itself(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    swept = cli("-m", *tiny, "name=mine", "model.num_heads=1,2", "callbacks=[minimal,halving]")
    assert swept.code == 0, swept.screen
    (one,) = (tmp_path / "multirun" / "mine").glob("1-*")
    again = cli("--from-run", str(one))
    assert again.code == 0, again.screen
    assert "bit-identical" in again.out
    assert config(again.directory)["name"] is None
    assert not list(again.directory.parent.glob(".halving"))


@pytest.mark.parametrize(
    "options", [("model=tfidf",), ("experiment=pretrain_then_classify", "pretrain.trainer.max_epochs=1")]
)
def test_other_kinds_of_runs(cli: Cli, tiny: tuple[str, ...], tmp_path: Path, options: tuple[str, ...]) -> None:
    plain = [one for one in tiny if not (one.startswith("model") and options[0].startswith("model"))]
    assert cli(*plain, *options, f"hydra.run.dir={tmp_path / 'first'}").code == 0
    again = cli("--from-run", "first")
    assert again.code == 0, again.screen
    assert "bit-identical" in again.out


def test_nothing_recorded_says_where_files_are_written(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    far, folder = tmp_path / "far", tmp_path / "first"
    places = (
        f"+callbacks.checkpoint.dirpath={far}/ckpt",
        f"data.cache_dir={far}/cache",
        "logger=tensorboard",
        f"logger.tensorboard.save_dir={far}",
    )
    assert cli(*tiny, *places, f"hydra.run.dir={folder}").code == 0
    for path in far.iterdir():
        path.rename(tmp_path / f"moved-{path.name}")
    again = cli("--from-run", str(folder))
    assert again.code == 0, again.screen
    assert not list(far.iterdir())
    assert (again.directory / "checkpoints" / "last.ckpt").exists()
    for key in ("callbacks.checkpoint.dirpath", "data.cache_dir", "logger.tensorboard.save_dir"):
        assert f"(type it again if you want it): {key}={far}" in again.out


def test_somebody_elses_config_is_data(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hidden")
    change(run, "logger", wandb={"_target_": "wandb", "project": "${oc.env:SECRET}", "name": "${data.text_column}"})
    change(run, "data", text_column="../../x", label_column="\\${oc.env:SECRET}")
    change(run, "", allowed_packages=["os"], pretrain={"task": {}, "allowed_packages": ["os"]})
    path = run / ".hydra" / "config.json"
    content = json.loads(path.read_text())
    content["logger"]["wandb"] |= {"project": "of then, ${oc.env:SECRET}", "name": "tb", "offline": False}
    path.write_text(json.dumps(content))
    recorded = read_recorded(RunDirectory(run))
    assert recorded.config["logger"]["wandb"]["project"] == "of then, \\${oc.env:SECRET}"
    assert recorded.config["logger"]["wandb"]["name"] is None
    assert "allowed_packages" not in recorded.config
    assert recorded.config["pretrain"] == {"task": {}}
    assert recorded.config["data"]["text_column"] == "../../x"  # read, not written
    change(run, "data", text_column="${data.label_column}", label_column="${data.text_column}")
    with pytest.raises(UserError):
        read_recorded(RunDirectory(run))


@pytest.mark.parametrize(
    "said", [{}, {"offline": False}, {"mode": "online"}, {"offline": True, "settings": {"mode": "shared"}}], ids=str
)
def test_somebody_elses_logger_sends_nothing(run: Path, said: dict[str, Any]) -> None:
    change(run, "logger", wandb={"_target_": "pytorch_lightning.loggers.WandbLogger", "entity": "theirs", **said})
    recorded = read_recorded(RunDirectory(run))
    found = recorded.config["logger"]["wandb"]
    assert found["offline"] is True
    assert found.get("mode", "offline") == found.get("settings", {}).get("mode", "offline") == "offline"
    assert any(one.startswith("logger.wandb.") for one in recorded.left_out)


def test_help_names_it(cli: Cli, run: Path) -> None:
    result = cli("--from-run", str(run), "--help")
    assert result.code == 0
    assert "--from-run outputs/mine/RUN" in result.out
