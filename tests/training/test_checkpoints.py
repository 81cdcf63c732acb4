"""What is damaged is told, named, and what is whole is used instead."""

import os
import random
import subprocess
from pathlib import Path

import pytest
import torch
from conftest import Cli

from sweepformer.training.checkpoints import read_checkpoint, write_checkpoint
from sweepformer.whole_files import Damaged


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


class Evil:
    """Would run a command when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch it-ran",)


def test_a_checkpoint_that_would_run_something_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path / "evil.ckpt", {"weights": Evil()})
    with pytest.raises(Exception, match="Weights only"):
        read_checkpoint(tmp_path / "evil.ckpt")
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.parametrize("damage", ["torn", "flipped", "foreign", "other run"])
def test_the_checkpoint_before_a_damaged_one_is_used(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    bad = ("+callbacks.bad._target_=misbehaving.StopAtStep", "trainer.max_epochs=3")
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


def test_a_full_disk_leaves_the_last_good_checkpoint_and_a_summary(
    cli: Cli, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("only root can make a small disk")
    try:
        command = (*tiny, "trainer.max_epochs=3", f"hydra.run.dir={disk}/run", "callbacks.checkpoint.save_top_k=-1")
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
