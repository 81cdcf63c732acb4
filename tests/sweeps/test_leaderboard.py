"""What a sweep leaves for its reader."""

import csv
import json
from pathlib import Path

from conftest import Cli

from sweepformer.runs.directory import RunDirectory
from sweepformer.runs.finding import runs_in
from sweepformer.runs.reading import rank, read_runs


def test_files_rank_the_runs_and_say_how_to_run_them_again(shell: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    result = shell("-m", *tiny, "name=s", "optimizer.lr=1e-6,1e-2", "optimizer=adamw,adam", "trainer.max_epochs=4")
    assert result.code == 0, result.screen
    sweep = tmp_path / "multirun" / "s"
    rows = list(csv.DictReader((sweep / "leaderboard.csv").open()))
    assert len(rows) == 4
    metrics = ["val_acc", "val_f1", "test_acc", "test_f1"]
    beside = ["training_seconds", "parameters", "epochs", "steps", "tokens_per_second", "error"]
    assert list(rows[0]) == ["run", "status", "optimizer", "optimizer.lr", *metrics, *beside] or list(rows[0]) == [
        *("run", "status", "optimizer.lr", "optimizer"),
        *metrics,
        *beside,
    ]
    values = [float(row["val_acc"]) for row in rows]
    assert values == sorted(values, reverse=True)
    for row in rows:
        summary = json.loads((sweep / row["run"] / "summary.json").read_text())
        assert float(row["val_acc"]) == summary["metrics"]["val_acc"]
        assert f"optimizer={row['optimizer']}" in summary["overrides"]
    text = (sweep / "README.md").read_text()
    headings = next(line for line in text.splitlines() if "place" in line and "|" in line)
    assert headings.replace(" ", "").endswith("|val_acc|val_f1|test_acc|test_f1|epochs|trainings|")
    assert "`optimizer.lr`: 1e-06, 0.01" in text
    assert "name=s optimizer.lr=1e-6,1e-2 optimizer=adamw,adam" in text
    best = text.split("    python -m src.run ", 1)[1].split("\n")[0]
    assert f"optimizer={rows[0]['optimizer']}" in best
    assert "/4 done" in result.out
    ranked = rank(read_runs(runs_in(sweep, depth=1)), "test_loss", "min")
    losses = [entry.metric("test_loss") for entry in ranked]
    assert losses == sorted(losses)


def test_the_command_to_train_the_best_again_finds_the_same_configs(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "own" / "model").mkdir(parents=True)
    (tmp_path / "own" / "model" / "mine.yaml").write_text("defaults: [tiny, _self_]\nembedding_dim: 32\n")
    own = f"--config-dir={tmp_path}/own"
    result = cli("-m", own, *tiny, "model=mine", "name=s", "seed=1")
    assert result.code == 0, result.screen
    assert f"python -m src.run {own} " in (tmp_path / "multirun" / "s" / "README.md").read_text()


def test_a_run_that_could_not_say_how_it_ended_counts_as_unfinished(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "0-seed=1")
    with run.held():
        run.claim({"seed": 1}, {"overrides.yaml": "- seed=1\n"})
    (tmp_path / "1-seed=2").mkdir()  # not started
    (entry,) = read_runs(runs_in(tmp_path))
    assert entry.summary.status == "unfinished"
    assert "typed again, it goes on" in (entry.summary.error or {})["message"]
