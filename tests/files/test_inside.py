"""A run, a sweep or a store that somebody else has made reaches nothing outside of its folder."""

import json
import os
from pathlib import Path

import pytest
from conftest import Cli

from sweepformer.errors import UserError
from sweepformer.files.inside import inside
from sweepformer.runs.directory import RunDirectory, Summary
from sweepformer.runs.finding import resolve_init_from


def test_names_of_a_folder_are_those_in_it(tmp_path: Path) -> None:
    run, disk = tmp_path / "run", tmp_path / "disk"
    run.mkdir()
    disk.mkdir()
    (run / "checkpoints").symlink_to(disk)
    assert inside(run, "checkpoints/best.ckpt") == run / "checkpoints" / "best.ckpt"
    assert inside(run, f"../{run.name}/best.ckpt").resolve() == run / "best.ckpt"
    assert inside(run, str(run / "best.ckpt")) == run / "best.ckpt"
    for name in ("../other/best.ckpt", "checkpoints/../../best.ckpt", "/etc/passwd", "", ".", ".."):
        with pytest.raises(ValueError, match="is not in"):
            inside(run, name)


@pytest.mark.parametrize("name", ["../../best.ckpt", "/somewhere/best.ckpt", "checkpoints/../../../best.ckpt", ".."])
def test_a_best_checkpoint_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    run = RunDirectory(tmp_path / "a" / "run")
    (run.path / ".hydra").mkdir(parents=True)
    (run.path / "checkpoints").mkdir()
    (run.path / ".hydra" / "config.json").write_text("{}")
    (tmp_path / "best.ckpt").touch()
    run.write_summary(Summary(status="completed", best_checkpoint=name))
    with pytest.raises(UserError, match=r"model\.init_from=.*a best checkpoint that is not its own: "):
        resolve_init_from(str(run.path))


def test_a_best_checkpoint_is_told_by_the_folder_whatever_links_lead_there(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    (scratch / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "home").symlink_to(scratch)
    run = RunDirectory(tmp_path / "home" / "run")
    assert run.relative(str(scratch / "run" / "checkpoints" / "best.ckpt")) == "checkpoints/best.ckpt"
    (scratch / "run" / "checkpoints").rename(tmp_path / "disk")
    (scratch / "run" / "checkpoints").symlink_to(tmp_path / "disk")
    assert run.relative(str(tmp_path / "disk" / "best.ckpt")) == "checkpoints/best.ckpt"
    assert run.relative(str(tmp_path / "chosen" / "best.ckpt")) == "../../chosen/best.ckpt"


NAMES = ["run.log", ".spare", ".lock", ".hydra", "tensorboard", "tensorboard/events.1", "metrics.csv"]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_with_a_link_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    """Through it files of others would be written, shortened or removed."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "events.1").write_text("theirs")
    run = RunDirectory(tmp_path / "run")
    link = run.path / name
    link.parent.mkdir(parents=True)
    link.symlink_to(theirs / "events.1" if "." in link.name[1:] else theirs)
    with pytest.raises(UserError, match=r"is a link to .*theirs.*Remove the link"), run.held():
        pass
    assert not (theirs / ".lock").exists()


def test_links_that_stay_or_may_lead_out_are_followed(tmp_path: Path) -> None:
    run, disk = RunDirectory(tmp_path / "run"), tmp_path / "disk"
    (run.path / "tensorboard").mkdir(parents=True)
    disk.mkdir()
    (run.path / "checkpoints").symlink_to(disk)
    (run.path / "latest").symlink_to("summary.json")
    (run.path / "board").symlink_to("tensorboard")
    with run.held():
        assert (run.path / ".lock").exists()


def test_a_run_that_would_shorten_somebody_elses_file_does_not(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    mine = tmp_path / "thesis.txt"
    mine.write_text("a year's work")
    board = tmp_path / "run" / "tensorboard"
    board.mkdir(parents=True)
    (board / "events.out.tfevents.1").symlink_to(os.path.relpath(mine, board))
    result = cli(*tiny, "logger=tensorboard")
    assert result.code == 1
    assert "events.out.tfevents.1 is a link to ../../thesis.txt" in result.err
    assert "Traceback" not in result.screen
    assert mine.read_text() == "a year's work"


def test_a_sweep_with_a_link_that_leads_out_is_refused(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> None:
    sweep = tmp_path / "multirun" / "theirs"
    sweep.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (sweep / ".halving").symlink_to(tmp_path / "elsewhere")
    (sweep / "sweep.json").write_text(json.dumps({"swept": [], "command": ""}))
    result = cli("-m", *tiny, "name=theirs", "seed=1,2")
    assert result.code == 1
    assert ".halving is a link to" in result.err
    assert "Traceback" not in result.screen
    assert not list((tmp_path / "elsewhere").iterdir())
