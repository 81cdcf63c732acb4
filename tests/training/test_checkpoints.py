"""What is damaged is told, named, and what is whole is used instead."""

import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Cli

from sweepformer.errors import UserError
from sweepformer.files.atomic import Damaged
from sweepformer.files.checkpoints import read_checkpoint, write_checkpoint
from sweepformer.runs.directory import RunDirectory
from sweepformer.training.checkpoints import read_best, resume_checkpoint


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "last.ckpt"
    write_checkpoint(path, {"weights": torch.arange(2000), "epoch": 3})
    return path


def test_a_checkpoint_is_what_torch_reads(checkpoint: Path) -> None:
    assert torch.equal(torch.load(checkpoint, weights_only=True)["weights"], torch.arange(2000))
    assert torch.equal(read_checkpoint(checkpoint)["weights"], torch.arange(2000))
    assert [path.name for path in checkpoint.parent.iterdir()] == ["last.ckpt"]


def test_no_flipped_bit_and_no_missing_end_is_accepted(checkpoint: Path) -> None:
    content, chance = checkpoint.read_bytes(), random.Random(0)
    for _ in range(300):
        bit = chance.randrange(8 * len(content))
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        torn = content[: chance.randrange(len(content))]
        for damaged in (flipped, torn):
            checkpoint.write_bytes(damaged)
            with pytest.raises(Damaged):
                read_checkpoint(checkpoint)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "foreign.ckpt")
    with pytest.raises(Damaged, match="it is no file"):
        read_checkpoint(tmp_path / "foreign.ckpt")


class Evil:
    """Would run a command when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch it-ran",)


def test_a_checkpoint_that_would_run_something_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path / "evil.ckpt", {"weights": Evil()})
    with pytest.raises(Damaged, match=r"posix\.system beside numbers and names, which could run a program"):
        read_checkpoint(tmp_path / "evil.ckpt")
    assert not (tmp_path / "it-ran").exists()


def test_a_run_does_not_go_on_from_one_that_would_run_something(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    write_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt", {"global_step": 1, "weights": Evil()})
    for command in (tiny, (*tiny, f"model.init_from={tmp_path}/run/checkpoints/last.ckpt", "hydra.run.dir=other")):
        refused = cli(*command)
        assert refused.code == 1
        assert "last.ckpt" in refused.err
        assert "posix.system" in refused.err
        assert "Traceback" not in refused.screen
    assert not (tmp_path / "it-ran").exists()


NOTHING = {"dirpath": None, "best_model_path": "", "kth_best_model_path": "", "last_model_path": ""}


@pytest.mark.parametrize(
    "remembered",
    [
        {"obsolete": [".."]},
        {"obsolete": ["."]},
        {"obsolete": ["thesis"]},
        {"obsolete": ["../../thesis.ckpt"]},
        {"best_model_path": "/somewhere/thesis.ckpt"},
        {"best_k_models": {"folder/thesis.ckpt": torch.tensor(1.0)}},
        {"best_model_path": 5},
        # As Lightning's own ModelCheckpoint keeps them, which believes what it reads.
        {"dirpath": "/run", "kth_best_model_path": "/run/../home/thesis.ckpt"},
        {"dirpath": "/run", "last_model_path": "/home/thesis.ckpt"},
        {"dirpath": "/run", "last_model_path": "s3://bucket/thesis.ckpt"},
        {"dirpath": "/run", "best_k_models": {"/run/thesis": torch.tensor(1.0)}},
    ],
    ids=str,
)
def test_files_that_a_checkpoint_names_are_those_of_its_folder(tmp_path: Path, remembered: dict[str, Any]) -> None:
    """What is named there is tested, or removed when a better one comes."""
    run = RunDirectory(tmp_path)
    content = {"global_step": 1, "callbacks": {"Checkpoints{}": {**NOTHING, **remembered}}}
    write_checkpoint(run.last_checkpoint, content)
    with pytest.raises(UserError, match="can't be read as a checkpoint of this run"):
        resume_checkpoint(run, {})


@pytest.mark.parametrize(
    "remembered",
    [
        {"best_model_path": "model-epoch=01.ckpt", "obsolete": ["model..ckpt"]},
        {"dirpath": "/run", "best_model_path": "/run/sub/model.ckpt", "last_model_path": "/run/last.ckpt"},
        {"dirpath": "s3://bucket/run", "best_model_path": "s3://bucket/run/model.ckpt"},
    ],
    ids=str,
)
def test_files_of_its_own_folder_are_believed(tmp_path: Path, remembered: dict[str, Any]) -> None:
    run = RunDirectory(tmp_path)
    callbacks = {"Checkpoints{}": {**NOTHING, **remembered}, "LogFiles": {"tensorboard/events.1": 12}}
    write_checkpoint(run.last_checkpoint, {"global_step": 1, "callbacks": callbacks})
    assert resume_checkpoint(run, {}) is not None


@pytest.mark.parametrize("damage", ["torn", "flipped", "foreign", "other run"])
def test_the_checkpoint_before_a_damaged_one_is_used(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    bad = ("allowed_packages=[misbehaving]", "+callbacks.bad._target_=misbehaving.StopAtStep", "trainer.max_epochs=3")
    whole = cli(*tiny, *bad, f"hydra.run.dir={tmp_path}/whole")
    assert whole.code == 0, whole.screen
    monkeypatch.setenv("STOP", "20")
    stopped = cli(*tiny, *bad)
    assert stopped.code == 1
    monkeypatch.delenv("STOP")
    last = stopped.directory / "checkpoints" / "last.ckpt"
    content = last.read_bytes()
    if damage == "torn":
        last.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        last.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    elif damage == "foreign":
        torch.save({"global_step": 999, "state_dict": {}}, last)
    else:
        cli(*tiny, "model.dropout=0.2", f"hydra.run.dir={tmp_path}/other")
        last.write_bytes((tmp_path / "other" / "checkpoints" / "last.ckpt").read_bytes())
    again = cli(*tiny, *bad)
    assert again.code == 0, again.screen
    assert "last.ckpt can't be used" in again.out
    assert "going on from" in again.out
    assert again.summary["metrics"] == whole.summary["metrics"]
    kept = [sorted(path.name for path in (run.directory / "checkpoints").iterdir()) for run in (whole, again)]
    assert kept[0] == kept[1]


@pytest.mark.parametrize(
    ("found", "reason"),
    [({"config": {"seed": 1}}, "another config"), ({"metrics": {"val_acc": 0.4}}, "its val_acc is 0.4, and that of")],
)
def test_no_other_file_is_taken_for_the_best_checkpoint(tmp_path: Path, found: dict[str, Any], reason: str) -> None:
    path = tmp_path / "best.ckpt"
    config = {"seed": 0, "trainer": {}}
    own = {"config": config, "metrics": {"val_acc": 0.5}}
    write_checkpoint(path, {"global_step": 1, "sweepformer": own})
    assert read_best(path, config, "val_acc", 0.5)["sweepformer"] == own
    changed = own | found
    changed["config"] = config | changed["config"]
    write_checkpoint(path, {"global_step": 1, "sweepformer": changed})
    with pytest.raises(UserError, match=reason):
        read_best(path, config, "val_acc", 0.5)


def test_a_run_does_not_go_on_with_other_data(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = (*tiny, "allowed_packages=[misbehaving]", "+callbacks.bad._target_=misbehaving.StopAtStep")
    command = (*command, "callbacks.checkpoint.every_n_train_steps=2")
    rows = tmp_path / "rows.csv"
    monkeypatch.setenv("STOP", "6")
    assert cli(*command).code == 1
    monkeypatch.delenv("STOP")
    before = rows.read_text()
    rows.write_text(before + "one more row,red\n")
    refused = cli(*command)
    assert refused.code == 1
    assert "the data has changed since this run began (data_hash: " in refused.err
    assert "Traceback" not in refused.screen
    rows.write_text(before)
    again = cli(*command)
    assert again.code == 0, again.screen
    assert "going on from" in again.out


@pytest.mark.parametrize("monitor", ["val_acc", "val_loss"])
def test_of_equals_the_later_is_the_best(cli: Cli, tiny: tuple[str, ...], tmp_path: Path, monitor: str) -> None:
    """Nothing is learned, so that every epoch is as good; two are kept."""
    still = ("optimizer.lr=1e-30", "trainer.max_epochs=4", "callbacks.checkpoint.save_top_k=2")
    assert cli(*tiny, *still, f"task.monitor={monitor}", "callbacks.early_stopping=null").code == 0
    run = RunDirectory(tmp_path / "run")
    kept = sorted(path.name[:14] for path in (run.path / "checkpoints").glob("model-*"))
    assert kept == ["model-epoch=02", "model-epoch=03"]
    assert "epoch=03" in run.result.best_checkpoint


def test_a_full_disk_leaves_the_last_good_checkpoint_and_a_summary(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("only root can make a small disk")
    try:
        everything = ("logger=tensorboard", "callbacks.checkpoint.save_top_k=-1")
        command = (*tiny, "trainer.max_epochs=3", f"hydra.run.dir={disk}/run", *everything)
        full = cli(*command)
        assert full.code == 1
        assert "the disk is full" in full.err
        assert "Traceback" not in full.screen
        assert full.summary["status"] == "failed"
        assert read_checkpoint(disk / "run" / "checkpoints" / "last.ckpt")["global_step"] > 0
        assert not list(disk.rglob("*.part"))
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        again = cli(*command)
        assert again.code == 0, again.screen
        assert "going on from" in again.out
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
