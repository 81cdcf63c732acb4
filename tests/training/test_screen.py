"""What a run prints when it is over."""

import shlex
from pathlib import Path

from conftest import Cli
from task_rows import write_numbers


def test_a_run_ends_with_what_it_was_chosen_by_and_commands_of_its_own_task(cli: Cli, tmp_path: Path) -> None:
    data = f"data.train_file={write_numbers(tmp_path / 'some numbers.jsonl')}"
    result = cli("task=regression", "data=files", data, "model=majority", "seed=3")
    assert result.code == 0, result.screen
    table, commands = result.out.split("next:")
    assert "val_loss" in table
    assert "val_spearman" not in table.split("Result")[1]
    command = next(line for line in commands.splitlines() if "src.run" in line)
    assert shlex.split(command)[2:] == [
        "src.run", "-m", "task=regression", "data=files", data, "model=majority", "seed=0,1,2",
    ]  # fmt: skip
