"""Which weights a path stands for, and what is said where it stands for none."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from sweepformer import UserError, load
from sweepformer.runs.directory import RunDirectory
from sweepformer.runs.finding import find

Finished = Callable[[str], Path]


@pytest.fixture
def run(finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a finished run."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(finished("class"), tmp_path / "sweep" / "0-lr=0.1")


def summary_of(run: Path, **changes: object) -> None:
    directory = RunDirectory(run)
    summary = directory.read_summary()
    assert summary is not None
    for name, value in changes.items():
        setattr(summary, name, value)
    directory.write_summary(summary)


def test_a_run_stands_for_its_best_checkpoint_and_a_checkpoint_for_itself(run: Path) -> None:
    best = run / json.loads((run / "summary.json").read_text())["best_checkpoint"]
    assert find(run).checkpoint == best
    assert find(str(run / "checkpoints" / "last.ckpt")).checkpoint == run / "checkpoints" / "last.ckpt"
    alone = shutil.copy(best, run.parents[1] / "alone.ckpt")
    texts = ["the apple is red", "a house near a train is blue"]
    assert load(alone).predict_proba(texts).tolist() == load(run).predict_proba(texts).tolist()


@pytest.mark.parametrize(
    ("monitor", "mode", "best"),
    [
        ("val_acc", "max", "2-lr=1"),
        ("val_acc", None, "2-lr=1"),
        ("val_loss", "min", "10-lr=2"),
        ("val_loss", "max", "10-lr=2"),  # as a run of an earlier version says it where nobody gave a mode
        ("val_own", "max", "2-lr=1"),
        ("val_own", "min", "10-lr=2"),
    ],
)
def test_a_sweep_stands_for_its_best_run_by_the_monitored_metric(
    run: Path, monitor: str, mode: str | None, best: str
) -> None:
    (run.parent / "sweep.json").write_text("{}")
    for name, accuracy, status in (
        ("0-lr=0.1", 0.5, "completed"),
        ("2-lr=1", 0.75, "stopped_early_by_sweep"),
        ("10-lr=2", 0.25, "completed"),
        ("11-lr=3", 0.875, "failed"),
        ("12-lr=4", float("nan"), "completed"),
    ):
        if name != run.name:
            shutil.copytree(run, run.parent / name)
        config = json.loads((run.parent / name / ".hydra" / "config.json").read_text())
        config["task"] |= {"monitor": monitor, "mode": mode}
        (run.parent / name / ".hydra" / "config.json").write_text(json.dumps(config))
        summary_of(run.parent / name, status=status, metrics={monitor: accuracy})
    found = find(run.parent)
    assert found.run is not None
    assert found.run.path.name == best
    assert found.chosen.startswith(f"the best of 4 runs by {monitor} (0.")


def test_a_run_without_a_result_is_told_and_its_best_checkpoint_so_far(run: Path) -> None:
    summary_of(run, status="failed", error={"type": "ValueError", "message": "as planned\nmore"})
    kept = sorted((run / "checkpoints").glob("model-*.ckpt"))
    shutil.copy(kept[0], run / "checkpoints" / "model-epoch=09-val_acc=1.999.ckpt")
    with pytest.raises(UserError) as error:
        find(run)
    text = str(error.value)
    assert "sweep/0-lr=0.1 has not come to its end (failed: as planned)" in text
    assert text.endswith("\n  sweep/0-lr=0.1/checkpoints/model-epoch=09-val_acc=1.999.ckpt")
    assert load(text.splitlines()[-1].strip()).predict(["red"])
    (run / "summary.json").unlink()
    with pytest.raises(UserError, match=r"running, or killed"):
        find(run)
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(UserError, match=r"has left no checkpoint"):
        find(run)
    (run.parent / "sweep.json").write_text("{}")
    with pytest.raises(UserError, match=r"none of the 1 runs of this sweep has a result \(running, or killed\)"):
        find(run.parent)


def test_a_run_of_a_newer_version_is_told(run: Path, tmp_path: Path) -> None:
    from sweepformer.files.checkpoints import read_checkpoint, write_checkpoint

    environment = json.loads((run / "environment.json").read_text())
    (run / "environment.json").write_text(json.dumps({**environment, "format": 1000, "sweepformer": "99.0"}))
    with pytest.raises(UserError, match=r"sweep/0-lr=0.1 was made by sweepformer 99\.0, a newer version.*Upgrade"):
        load(run)
    checkpoint = read_checkpoint(run / "checkpoints" / "last.ckpt")
    checkpoint["sweepformer"] |= {"format": 1000, "sweepformer": "99.0"}
    write_checkpoint(tmp_path / "newer.ckpt", checkpoint)
    with pytest.raises(UserError, match=r"newer\.ckpt was made by sweepformer 99\.0"):
        load(tmp_path / "newer.ckpt")


def test_folders_without_a_run_and_files_that_are_none_are_told(run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn.ckpt").write_bytes((run / "checkpoints" / "last.ckpt").read_bytes()[:-100])
    (tmp_path / "rows.csv").write_text("text\na\n")
    for given, words in {
        "nowhere": ["nowhere", "no such file or folder"],
        "empty": ["empty holds no run"],
        "sweep": ["sweep is no run itself", "\n  sweep/0-lr=0.1"],
        ".": ["no run itself", "\n  sweep/0-lr=0.1"],
        "torn.ckpt": ["torn.ckpt", "can't be read"],
        "rows.csv": ["rows.csv", "can't be read"],
    }.items():
        with pytest.raises(UserError) as error:
            load(given)
        assert all(word in str(error.value) for word in words), error.value
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(UserError, match="is gone"):
        load(run)


def test_a_baseline_that_recorded_too_little_is_told(finished: Finished, tmp_path: Path) -> None:
    from sweepformer.baselines.baseline import read_baseline, save_baseline

    run = shutil.copytree(finished("tfidf_sets"), tmp_path / "run")
    path = run / "checkpoints" / "model.npz"
    saved = read_baseline(path)
    save_baseline(path, saved.learned, {}, saved.about)
    with pytest.raises(UserError, match=r"lacks the task's 'thresholds'.*Run it again"):
        load(run)


def test_a_baseline_answers_without_its_run_and_no_changed_byte_is_taken(finished: Finished, tmp_path: Path) -> None:
    run = finished("tfidf_sets")
    path = Path(shutil.copy(run / "checkpoints" / "model.npz", tmp_path))
    texts = ["a red apple", "blue"]
    assert load(path).classes == load(run).classes
    assert np.array_equal(load(path).predict_proba(texts), load(run).predict_proba(texts))
    whole = path.read_bytes()
    for where in range(100, len(whole), len(whole) // 20):
        path.write_bytes(whole[:where] + bytes([whole[where] ^ 1]) + whole[where + 1 :])
        with suppress(UserError):
            assert np.array_equal(load(path).predict_proba(texts), load(run).predict_proba(texts))
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="can't be read as a baseline"):
        load(path)
