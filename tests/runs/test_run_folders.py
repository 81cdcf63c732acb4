"""Which folders are runs: all who look for them find the same."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sweepformer import UserError
from sweepformer.commands.completed_overrides import run_folders
from sweepformer.runs.finding import find, numbered, run_at, runs_in
from sweepformer.runs.reading import find_runs, read_runs

Finished = Callable[[str], Path]


@pytest.fixture
def sweep(finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three runs, one of which began with another and one of which has a name of its own; one not started; no run."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "multirun" / "s"
    for name in ("10-seed=1", "2-seed=2", "extra", "2-seed=2/pretraining", ".hidden/3-seed=3"):
        shutil.copytree(finished("class"), folder / name, ignore=shutil.ignore_patterns("*.ckpt"))
    for name in ("3-seed=3", "checkpoints"):
        (folder / name).mkdir()
    (folder / "sweep.json").write_text("{}")
    return folder


def test_all_find_the_same_runs(sweep: Path) -> None:
    names = ["2-seed=2", "10-seed=1", "extra"]
    assert [one.name for one in runs_in(sweep, depth=1)] == names
    assert [one.name for one in find_runs([sweep.parent])] == names
    assert [one.name for one in read_runs(runs_in(sweep, depth=1))] == ["2", "10", "extra"]
    assert [one.name for one in numbered(sweep)] == ["2-seed=2", "3-seed=3", "10-seed=1"]
    with pytest.raises(UserError) as error:
        find(sweep.parent)
    assert str(error.value).splitlines()[1:] == [f"  multirun/s/{name}" for name in names]
    with pytest.raises(UserError) as error:
        run_at(Path("multirun"), "--from-run=multirun")
    assert str(error.value).splitlines()[1:] == [f"  multirun/s/{name}" for name in names]
    assert run_folders("multirun/s/") == ["multirun/s/10-seed=1 ", "multirun/s/2-seed=2 ", "multirun/s/extra "]
    assert run_folders("mul") == ["multirun/"]


def test_a_run_is_itself_whatever_lies_in_it(sweep: Path) -> None:
    run = sweep / "2-seed=2"
    assert list(runs_in(run)) == [run]
    assert list(runs_in(run / "pretraining")) == [run / "pretraining"]
    assert list(runs_in(sweep / "3-seed=3")) == []
    assert list(runs_in(sweep.parent, depth=1)) == []
