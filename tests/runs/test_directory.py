"""What a run leaves on disk is whole, or known not to be."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import Cli

from sweepformer.runs.directory import RunDirectory, Summary


def test_a_summary_of_which_a_digit_changed_is_found_out_again(cli: Cli, tiny: tuple[str, ...]) -> None:
    first = cli(*tiny)
    path = first.directory / "summary.json"
    text = path.read_text()
    accuracy = str(first.summary["metrics"]["test_acc"])
    path.write_text(text.replace(accuracy, "0.99999"))
    assert RunDirectory(first.directory).read_summary() is None
    again = cli(*tiny)
    assert again.code == 0, again.screen
    assert "summary.json is damaged" in again.out
    assert again.summary["metrics"] == first.summary["metrics"]


def test_a_summary_without_a_checksum_is_read(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps({"status": "completed", "steps": 7}))
    assert RunDirectory(tmp_path).read_summary() == Summary(status="completed", steps=7)


@pytest.mark.parametrize("content", ["[]", "5", "null", '"text"', "[" * 5000, "{", ""])
def test_what_is_no_object_says_nothing(tmp_path: Path, content: str) -> None:
    run = RunDirectory(tmp_path / "run")
    (run.path / ".hydra").mkdir(parents=True)
    for name in ("summary.json", ".hydra/config.json", ".hydra/overrides.yaml", "environment.json", "../sweep.json"):
        (run.path / name).write_text(content)
    assert run.read_summary() is None
    assert run.read_config() is None
    assert run.sweep == run.read_environment() == {}
    assert run.overrides == []
    (run.path / "summary.json").unlink()
    os.mkfifo(run.path / "summary.json")
    assert run.read_summary() is None


def test_checkpoints_that_could_not_be_written_are_told_before_training(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k,ro", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("only root can make a disk that can't be written")
    try:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "checkpoints").symlink_to(disk)
        refused = cli(*tiny)
        assert refused.code == 1
        assert "can't be written (Read-only file system)" in refused.err
        assert "epoch 1" not in refused.out
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_what_killed_writers_left_is_removed(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    run = tmp_path / "run"
    left = [run / ".summary.json-x.part", run / "checkpoints" / ".last.ckpt-x.part", run / ".hydra" / ".id-x.part"]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert cli(*tiny).code == 0
    assert not list(run.rglob("*.part"))


@pytest.mark.parametrize("number", ["0", "-1", "every"])
def test_a_checkpoint_needs_a_positive_number_of_minutes(cli: Cli, tiny: tuple[str, ...], number: str) -> None:
    result = cli(*tiny, f"callbacks.checkpoint.every_n_minutes={number}")
    assert result.code == 1
    assert "every_n_minutes" in result.err
    assert "Traceback" not in result.screen
