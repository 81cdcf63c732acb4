"""python -m src.compare, as its user meets it."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet
import pytest
from conftest import ROOT, Cli, write_rows, write_tagged
from made_runs import accuracy, answers, write_run, write_sweep

from sweepformer.commands.compare import main


class Said(NamedTuple):
    """What a command left on the screen."""

    code: object
    out: str
    err: str


@pytest.fixture
def compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """Call with a command's arguments: runs it in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["src/compare.py", *map(str, arguments)])
        code: object = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        out, err = capfd.readouterr()
        return Said(1, out, err + code) if isinstance(code, str) else Said(code, out, err)

    return run


def test_runs_are_ranked_and_those_like_the_best_are_named(compare, tmp_path: Path) -> None:
    write_sweep(tmp_path / "s", [0.9, 0.6, 0.895, 0.55], model__num_heads=[1, 2, 4, 8])
    said = compare("s", "--json", "all.json")
    assert said.code == 0, said.err
    found = json.loads(Path("all.json").read_text())
    assert [run["run"] for run in found["runs"]] == ["0", "2", "1", "3"]
    assert found["runs"][0]["settings"] == {"model.num_heads": "1"}
    for run in found["runs"]:
        low, high = run["intervals"]["test_acc"]
        assert low < run["metrics"]["test_acc"] < high
        assert high - low == pytest.approx(3.9 * (0.25 / 400) ** 0.5, rel=0.6)
    assert {run["run"]: (run["beside_the_best"] or {}).get("verdict") for run in found["runs"]} == {
        "0": None,
        "2": "same",
        "1": "worse",
        "3": "worse",
    }
    flat = " ".join(said.out.split())
    assert "The best of 4 by val_acc is run 0 (model.num_heads=1)" in flat
    assert "not distinguishable from it: run 2; worse: runs 1, 3" in flat
    assert "No setting has more than one seed" in flat
    assert "best by test instead would make that optimistic too" in flat


def test_csv_has_a_line_a_run_and_goes_to_standard_output_alone(compare, tmp_path: Path) -> None:
    write_sweep(tmp_path / "s", [0.7, 0.9], optimizer__lr=[0.01, 0.001])
    write_run(tmp_path / "s" / "2-lr=9", {"optimizer.lr": 9.0}, status="diverged",
              error={"type": "Diverged", "message": "the loss is nan"})  # fmt: skip
    rows = list(csv.DictReader(compare("s", "--csv", "-").out.splitlines()))
    assert [row["run"] for row in rows] == ["1", "0", "2"]
    assert [row["optimizer.lr"] for row in rows] == ["0.001", "0.01", "9.0"]
    assert float(rows[0]["test_acc_low"]) < float(rows[0]["test_acc"]) < float(rows[0]["test_acc_high"])
    assert rows[1]["verdict"] == "worse"
    assert (rows[2]["status"], rows[2]["error"], rows[2]["place"]) == ("diverged", "the loss is nan", "")


def test_settings_over_seeds_have_mean_and_spread(compare, tmp_path: Path) -> None:
    write_sweep(
        tmp_path / "s", [0.90, 0.88, 0.86, 0.70, 0.68, 0.66], model__num_heads=[1, 1, 1, 2, 2, 2], seed=[0, 1, 2] * 2
    )
    said = compare("s", "--json", "all.json")
    best, other = json.loads(Path("all.json").read_text())["settings"]
    assert best["settings"] == {"model.num_heads": "1"}
    assert best["runs"] == ["0", "1", "2"]
    assert best["mean"] == pytest.approx(0.88)
    assert best["spread"] == pytest.approx(0.02)
    assert other["difference"] < -0.1
    assert other["range"][0] < other["difference"] < other["range"][1] < 0
    assert "standard deviation of up to 0.0200" in " ".join(said.out.split())


def test_runs_of_several_sweeps_are_told_apart_by_what_only_one_of_them_set(compare, tmp_path: Path) -> None:
    write_sweep(tmp_path / "multirun" / "one", [0.8, 0.9], model__num_heads=[2, 4])
    write_sweep(tmp_path / "multirun" / "two", [0.7, 0.6], model__dropout=[0.3, 0.5])
    said = compare("multirun", "--json", "all.json")
    runs = json.loads(Path("all.json").read_text())["runs"]
    assert [run["run"] for run in runs] == ["one/1", "one/0", "two/0", "two/1"]
    assert runs[1]["settings"] == {"model.num_heads": "2", "model.dropout": "0.1"}
    assert runs[2]["settings"] == {"model.num_heads": "2", "model.dropout": "0.3"}
    assert said.code == 0


def test_runs_of_other_test_rows_are_not_paired(compare, tmp_path: Path) -> None:
    write_sweep(tmp_path / "s", [0.9, 0.8], seed=[0, 1])
    columns = answers(0.85, rows=300)
    write_run(tmp_path / "s" / "2", {"seed": 2}, columns, metrics={"val_acc": 0.85, "test_acc": accuracy(columns)})
    said = compare("s", "--json", "all.json")
    found = json.loads(Path("all.json").read_text())
    assert {tuple(split["runs"]) for split in found["test_splits"]} == {("0", "1"), ("2",)}
    assert found["runs"][1]["beside_the_best"] is None
    assert "2 different test splits" in " ".join(said.out.split())


def test_the_same_config_in_two_places_is_no_further_evidence(compare, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_sweep(tmp_path / name, [0.9, 0.8], seed=[0, 1])
    said = compare("one", "two", "--json", "all.json")
    found = json.loads(Path("all.json").read_text())
    assert [run["run"] for run in found["runs"]] == ["one/0", "one/1"]
    assert "other runs have the same config: runs two/0, two/1" in " ".join(said.out.split())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("remove", "it has no predictions.parquet"),
        ("tear", "its predictions.parquet can't be read"),
        ("other", "its predictions give test_acc"),
        ("column", "its predictions.parquet has no column prediction"),
    ],
)
def test_a_run_without_its_predictions_is_ranked_and_says_so(compare, tmp_path: Path, change: str, why: str) -> None:
    runs = write_sweep(tmp_path / "s", [0.9, 0.8, 0.7], seed=[0, 1, 2])
    path = runs[1] / "predictions.parquet"
    if change == "remove":
        path.unlink()
    elif change == "tear":
        path.write_bytes(path.read_bytes()[:-50])
    elif change == "other":
        path.write_bytes((runs[2] / "predictions.parquet").read_bytes())
    else:
        pyarrow.parquet.write_table(pyarrow.parquet.read_table(path).drop(["prediction"]), path)
    said = compare("s", "--json", "all.json")
    assert said.code == 0, said.err
    assert f"Without interval and test: run 1: {why}" in " ".join(said.out.split())
    run = json.loads(Path("all.json").read_text())["runs"][1]
    assert (run["run"], run["intervals"], run["beside_the_best"]) == ("1", {}, None)


def test_runs_without_a_result_are_listed(compare, tmp_path: Path) -> None:
    write_sweep(tmp_path / "s", [0.9, 0.8], seed=[0, 1])
    write_run(tmp_path / "s" / "2-seed=2", {"seed": 2}, status="unfinished")
    write_run(tmp_path / "s" / "3-seed=3", {"seed": 3}, status="failed",
              error={"type": "ValueError", "message": "no room\nmore"})  # fmt: skip
    said = compare("s")
    assert said.code == 0
    assert "2 without a result" in said.out
    assert "unfinished" in said.out
    assert "ValueError: no room" in said.out
    only = compare("s/2-seed=2", "s/3-seed=3")
    assert only.code == 1
    assert "none of the 2 runs has a result" in only.err
    assert "ValueError: no room" in only.out


def test_a_run_of_a_newer_version_is_told_and_left_out(compare, tmp_path: Path) -> None:
    runs = write_sweep(tmp_path / "s", [0.8, 0.9], seed=[0, 1])
    (runs[1] / "environment.json").write_text(json.dumps({"format": 1000, "sweepformer": "99.0"}))
    said = compare("s", "--json", "all.json")
    assert said.code == 0, said.err
    found = json.loads(Path("all.json").read_text())
    assert [run["run"] for run in found["runs"]] == ["0"]
    (newer,) = found["without_a_result"]
    assert "made by sweepformer 99.0, a newer version" in newer["error"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["empty"], "empty holds no runs. Give the folder of a run"),
        (["gone"], "gone: there is no such folder"),
        (["s", "--metric", "val_ac"], "--metric val_ac: no run has it. They have: val_acc, val_loss, test_acc. "
                                      "Did you mean val_acc?"),
        (["s", "--level", "95"], "95 is not a share from 0.5 to below 1"),
        (["s", "--resamples", "3"], "3 is not a whole number from 100"),
        (["s", "--top", "0"], "0 is not a whole number, at least 1"),
        (["s", "--csv", "s/0-seed=0/summary.json/x"], "can't be written"),
        (["s", "--json", "-", "--csv", "-"], "only one can go to standard output"),
    ],
)  # fmt: skip
def test_mistakes_end_in_one_message(compare, tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "empty" / "folder").mkdir(parents=True)
    write_sweep(tmp_path / "s", [0.9], seed=[0])
    said = compare(*arguments)
    assert said.code in (1, 2)
    assert message in said.err
    assert "Traceback" not in said.err


def test_runs_that_go_by_different_metrics_need_one_named(compare, tmp_path: Path) -> None:
    write_run(tmp_path / "one", {}, metrics={"val_acc": 0.5, "val_loss": 1.0, "test_loss": 1.2})
    path = write_run(tmp_path / "two", {"seed": 1}, metrics={"val_acc": 0.4, "val_loss": 0.5, "test_loss": 0.7})
    config = path / ".hydra" / "config.json"
    config.write_text(config.read_text().replace('"val_acc"', '"val_loss"').replace('"max"', '"min"'))
    said = compare("one", "two")
    assert said.code == 1
    assert "go by different metrics: val_acc (1 runs), val_loss (1 runs)" in said.err
    ranked = compare("one", "two", "--metric", "val_loss", "--csv", "-").out
    assert [row["run"] for row in csv.DictReader(ranked.splitlines())] == ["two", "one"]


def test_runs_that_go_by_their_loss_are_told_apart_by_accuracy(compare, tmp_path: Path) -> None:
    write_sweep(tmp_path / "s", [0.9, 0.6, 0.895], model__num_heads=[1, 2, 4])
    flat = " ".join(compare("s", "--metric", "val_loss", "--json", "all.json").out.split())
    assert "The best of 3 by val_loss is run 0" in flat
    assert "400 test rows (test_acc, McNemar's test" in flat
    assert "not distinguishable from it: run 2; worse: run 1" in flat
    assert json.loads(Path("all.json").read_text())["metric"]["mode"] == "min"


def test_the_best_by_test_is_called_optimistic(compare, tmp_path: Path) -> None:
    write_sweep(tmp_path / "s", [0.9, 0.8], seed=[0, 1])
    assert "its number is optimistic. Choose by validation" in " ".join(
        compare("s", "--metric", "test_acc").out.split()
    )


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    write_sweep(tmp_path / "s", [0.9, 0.8], seed=[0, 1])
    command = f"{sys.executable} -m src.compare s --json - | true"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    write_sweep(tmp_path / "s", [0.9, 0.8], seed=[0, 1])
    code = (
        "import sys; from sweepformer.commands.compare import main; sys.argv[1:] = ['s', '--csv', '-']; main(); "
        "print([one for one in ('torch', 'pytorch_lightning', 'hydra', 'sklearn', 'matplotlib') if one in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize("task", ["classification", "tagging", "language_modeling"])
def test_predictions_of_real_runs_give_the_metrics_of_their_summaries(
    cli: Cli, compare, tiny: tuple[str, ...], tmp_path: Path, task: str
) -> None:
    data = [f"data.train_file={write_rows(tmp_path / 'rows.csv', 200)}"]
    if task == "tagging":
        data = ["data=conll", f"data.train_file={write_tagged(tmp_path / 'train.conll', 100)}"]
    given = [
        one for one in tiny if not one.startswith("data.train_file") and (task != "tagging" or one != "data=files")
    ]
    result = cli("-m", f"task={task}", *given, *data, "name=real", "optimizer.lr=1e-5,1e-2", "logger=csv")
    assert result.code == 0, result.screen
    said = compare("multirun/real", "--json", "all.json")
    found = json.loads(Path("all.json").read_text())
    assert said.code == 0, said.err
    assert found["notes"] == []
    name = found["metric"]["test"]
    for run in found["runs"]:
        low, high = run["intervals"][name]
        assert low - 1e-6 <= run["metrics"][name] <= high + 1e-6
        assert run["costs"]["tokens"] > 0
        assert len(found["curves"][run["run"]][found["metric"]["name"]]["values"]) == 1
    assert found["runs"][1]["beside_the_best"]["best"] == found["runs"][0]["run"]
