"""What a user sees of batches that don't fit in memory."""

from pathlib import Path

import pytest
from conftest import Cli, whole_and_resumed, write_tagged
from forked_commands import Start

from benchmarks.soak.comparison import differences
from sweepformer.runs.directory import RunDirectory

LITTLE_ROOM = (
    "allowed_packages=[misbehaving]",
    "+callbacks.room._target_=misbehaving.LittleRoom",
    "+callbacks.room.rows=5",
)
NO_CHANCE = ("model.dropout=0", "model.classifier_dropout=0", "optimizer=sgd")
TAGS = ("task=tagging", "data=conll")
WINDOWS = ("data.truncation=windows", "model.max_length=6")


def test_the_run_ends_with_advice(cli: Cli, tiny: tuple[str, ...]) -> None:
    result = cli(*tiny, *LITTLE_ROOM)
    assert result.code == 1
    assert "out of memory" in result.err
    assert "trainer.auto_micro_batch=true" in result.err
    assert "Traceback" not in result.screen


@pytest.mark.parametrize("kind", ["windows", "tags"])
def test_a_run_in_parts_comes_to_the_same(cli: Cli, tiny: tuple[str, ...], tmp_path: Path, kind: str) -> None:
    command = (*tiny, *NO_CHANCE, *WINDOWS)
    if kind == "tags":
        usual = [one for one in tiny if not one.startswith("data=") and "train_file" not in one]
        command = (*usual, *NO_CHANCE, *TAGS, f"data.train_file={write_tagged(tmp_path / 'rows.conll')}")
    whole = cli(*command, f"hydra.run.dir={tmp_path / 'whole'}")
    split = cli(*command, *LITTLE_ROOM, "trainer.auto_micro_batch=true")
    assert split.code == 0, split.screen
    assert "batches are split in parts" in split.screen
    assert split.summary["steps"] == whole.summary["steps"]
    assert split.summary["metrics"] == pytest.approx(whole.summary["metrics"], abs=1e-5)


@pytest.mark.slow
def test_memory_that_really_is_used_up(start: Start, tmp_path: Path, tiny: tuple[str, ...]) -> None:
    """A batch's attention takes several times what the process is allowed."""
    long = tmp_path / "long.csv"
    long.write_text("text,label\n" + "".join(f"{'word ' * 250}{row},{'ab'[row % 2]}\n" for row in range(250)))
    attention = ("model.attention=math", "model.num_heads=8", "data.batch_size=300")
    command = (*tiny, *attention, f"data.train_file={long}", "trainer.max_steps=1")
    little = (
        "allowed_packages=[misbehaving]",
        "+callbacks.memory._target_=misbehaving.LittleMemory",
        "+callbacks.memory.megabytes=500",
    )
    ends = start(*command, *little, f"hydra.run.dir={tmp_path}/ends")
    assert ends.wait() == 1
    assert "Error: out of memory" in ends.screen
    assert "trainer.auto_micro_batch=true" in ends.screen
    goes_on = start(*command, *little, "trainer.auto_micro_batch=true", f"hydra.run.dir={tmp_path}/goes_on")
    assert goes_on.wait() == 0
    assert "batches are split in parts" in goes_on.screen
    summary = RunDirectory(tmp_path / "goes_on").read_summary()
    assert summary is not None
    assert (summary.status, summary.steps) == ("completed", 1)


def test_a_run_that_goes_on_splits_as_it_did(cli: Cli, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    stop = ("+callbacks.stop._target_=misbehaving.StopAtStep", "callbacks.checkpoint.every_n_train_steps=2")
    command = (
        *tiny,
        *LITTLE_ROOM,
        *stop,
        "logger=tensorboard",
        "trainer.auto_micro_batch=true",
        "trainer.accumulate_grad_batches=2",
    )
    whole, resumed = whole_and_resumed(cli, command, 3, monkeypatch)
    assert "warning: training:" in whole.screen
    assert "warning: training:" not in resumed.screen
    assert differences(whole.directory, resumed.directory) == []
